"""The examples, run as the README says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitewire.broker_config.load import load_config
from sitewire.deploy.cli import up as up_command
from sitewire.deploy.demo.readers import read_points
from sitewire.deploy.errors import FileRefused
from sitewire.schemas.subject import RunKey

pytestmark = [pytest.mark.nats, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[3] / "examples"
SITEWIRE = str(Path(sys.executable).parent / "sitewire")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("SITEWIRE_", "MLFLOW_", "WANDB_"))}

SITES = {"hospital-a": "trainer.py", "hospital-b": "trainer_mlflow.py", "hospital-c": "trainer_wandb.py"}


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture
def place(tmp_path: Path, port: int) -> Path:
    text = (EXAMPLES / "sitewire.yaml").read_text()
    assert "port: 4222" in text
    (tmp_path / "sitewire.yaml").write_text(text.replace("port: 4222", f"port: {port}"))
    return tmp_path


@contextmanager
def up(place: Path, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen([SITEWIRE, "up"], cwd=place, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
    assert process.returncode == 0


def train(environment: dict[str, str]) -> None:
    for site, program in SITES.items():
        command = [sys.executable, "-W", "error", str(EXAMPLES / program)]
        subprocess.run(command, env={**environment, "SITEWIRE_SITE": site}, check=True)


@pytest.mark.parametrize("first", ["the trainers", "the broker"])
def test_three_sites_train_in_three_syntaxes_and_all_of_it_is_where_the_file_says(
    first: str, place: Path, port: int
) -> None:
    environment = {
        **CLEAN,
        "SITEWIRE_URL": f"nats://127.0.0.1:{port}",
        "SITEWIRE_RUN": "trial-7",
        "SITEWIRE_SPOOL": str(place / "spool"),
        "SITEWIRE_EXIT_TIMEOUT": "1",
    }
    if first == "the trainers":
        train(environment)
    with up(place, environment):
        if first == "the broker":
            train(environment)
        drained = subprocess.run([SITEWIRE, "drain", "--timeout", "60"], cwd=place, env=environment, check=False)
        assert drained.returncode == 0
    check(place)


def check(place: Path) -> None:
    config = load_config(place / "sitewire.yaml")
    for site in SITES:
        for tracker in ("mlflow", "tensorboard", "wandb"):
            found = read_points(config.route(tracker), RunKey(site, "trial-7"))
            assert found == {"train/loss": 1000, "weight": 1000}
    lines = (place / "hospital-a" / "trial-7" / "hospital-a" / "scalars.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(2000))
    assert [path.name for path in (place / "hospital-a" / "trial-7").iterdir()] == ["hospital-a"]


def test_the_example_shows_no_more_than_the_readme_promises() -> None:
    lines = (EXAMPLES / "trainer.py").read_text().split("writer = SummaryWriter()")[1].splitlines()
    assert len([line for line in lines if line.strip()]) + 1 <= 10


def test_where_there_is_no_file_up_writes_one_with_three_trackers_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = up_command.default_file()
    assert capsys.readouterr().err.startswith("sitewire: wrote sitewire.yaml: ")
    config = load_config(file)
    assert [route.sink.identity for route in config.routes] == [
        f"mlflow:sqlite:///{tmp_path}/mlflow.db",
        f"tensorboard:{tmp_path}/runs",
        f"wandb:{tmp_path}",
    ]
    file.write_text("routes: {}\n")
    assert up_command.default_file().read_text() == "routes: {}\n"
    assert capsys.readouterr().err == ""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileRefused, match="no config file"):
        up_command.default_file()


def test_a_file_that_is_named_and_not_there_is_not_written(tmp_path: Path) -> None:
    done = subprocess.run([SITEWIRE, "up", "-c", "x.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 78
    assert "x.yaml" in done.stderr
    assert list(tmp_path.iterdir()) == []
