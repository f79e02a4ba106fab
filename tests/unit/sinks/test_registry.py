"""Sink types are found by entry point; what is wrong with one is said for people."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sitewire.broker_config.model import SinkConfig
from sitewire.workers.errors import MissingExtra, SinkMisconfigured
from sitewire.workers.sinks.jsonl import JsonlOptions, JsonlSink
from sitewire.workers.sinks.null import NullSink
from sitewire.workers.sinks.registry import make_sink, sink_type
from sitewire.workers.sinks.tensorboard import TensorBoardOptions, TensorBoardSink


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution with sinks of its own, as importlib.metadata finds any."""
    info = tmp_path / "acme_sinks-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sinks\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        "[sitewire.sinks]\n"
        "good = acme_sinks:Good\nbroken = acme_sinks_broken:Sink\nmissing = acme_sinks:Missing\n"
        "number = acme_sinks:NUMBER\nother = acme_sinks:Good\n"
    )
    (tmp_path / "acme_sinks.py").write_text(
        "from sitewire.workers.sinks.null import NullSink\nNUMBER = 3\nclass Good(NullSink):\n    name = 'good'\n"
    )
    (tmp_path / "acme_sinks_broken.py").write_text("raise RuntimeError('acme is not configured')\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "wanted"), [("tensorboard", TensorBoardSink), ("jsonl", JsonlSink), ("null", NullSink)]
)
def test_ours_are_found_by_name(name: str, wanted: type) -> None:
    assert sink_type(name) is wanted


def test_an_unknown_type_gets_a_suggestion_and_the_list() -> None:
    with pytest.raises(
        SinkMisconfigured, match=r"'tensorbord'; did you mean 'tensorboard'\? .*jsonl, mlflow, null, tensorboard, wandb"
    ):
        sink_type("tensorbord")
    with pytest.raises(SinkMisconfigured, match=r"'xyz'\. Installed are: .*null"):
        sink_type("xyz")


def test_a_plugin_is_found_like_ours(plugin: Path) -> None:
    assert sink_type("good").name == "good"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("broken", "RuntimeError: acme is not configured"),
        ("missing", "AttributeError"),
        ("number", "is no sitewire.workers.sinks.contract.Sink"),
        ("other", "calls itself 'good'"),
    ],
)
def test_a_broken_plugin_names_its_distribution(plugin: Path, name: str, reason: str) -> None:
    with pytest.raises(SinkMisconfigured, match=f"{name!r}.*acme-sinks 1.2.*{reason}"):
        sink_type(name)


def test_relative_places_begin_at_the_folder_of_the_config_file(tmp_path: Path) -> None:
    options = TensorBoardOptions(logdir=Path("../runs"))
    sink = make_sink(SinkConfig("tensorboard", options, tmp_path / "conf", ""))
    assert sink.identity == f"tensorboard:{tmp_path / 'runs'}"
    home = JsonlSink.from_options(JsonlOptions(dir=Path("~/out")), tmp_path)
    assert home.identity == f"jsonl:{Path.home() / 'out'}"


WITHOUT = """
import asyncio, sys
from pathlib import Path
for name in ("tensorboardX", "crc32c", "numpy", "mlflow", "requests", "sqlalchemy", "wandb", "pytest"):
    sys.modules[name] = None
from sitewire.workers.errors import MissingExtra
from sitewire.workers.sinks.registry import sink_type
sink_type("jsonl"), sink_type("null")
name, option, place = sys.argv[1:]
kind = sink_type(name)
sink = kind.from_options(kind.Options(**{option: place}), Path("/"))
try:
    asyncio.run(sink.open(0))
except MissingExtra as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "library", "option", "place"),
    [
        ("mlflow", "mlflow", "tracking_uri", "sqlite:///{}"),
        ("tensorboard", "(tensorboardX|crc32c|numpy)", "logdir", "{}"),
        ("wandb", "wandb", "dir", "{}"),
    ],
)
def test_types_are_known_without_their_extras_which_are_named_at_the_opening(
    tmp_path: Path, name: str, library: str, option: str, place: str
) -> None:
    arguments = (name, option, place.format(tmp_path / "runs"))
    result = subprocess.run([sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, check=False)
    assert result.stderr == ""
    assert re.match(rf"{library} is not installed; .*pip install 'sitewire\[{name}\]'", result.stdout)
    assert not (tmp_path / "runs").exists()
    assert MissingExtra("tensorboard", None).extra == "tensorboard"
