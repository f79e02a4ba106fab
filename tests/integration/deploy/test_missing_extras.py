"""A worker without a tracker's library says which to install, and delivers the other routes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitewire.collectors import Run
from sitewire.deploy.cli.main import main
from support.config import write_config
from support.nats import NatsServer

pytestmark = pytest.mark.nats

WITHOUT = """
import pathlib, sys
from importlib.machinery import PathFinder

LIBRARIES, INSTALLED = sys.argv.pop(1).split(","), pathlib.Path(sys.argv.pop(1))

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in LIBRARIES and not INSTALLED.exists():
            return None
        return super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
from sitewire.deploy.cli.main import main
sys.exit(main())
"""


@pytest.fixture
def file(nats_server: NatsServer, tmp_path: Path) -> Path:
    return write_config(
        tmp_path,
        f"""
        broker: {{url: "{nats_server.url}"}}
        collect: {{spool: spool}}
        routes:
          files: {{subjects: ["metrics.>"], sink: {{type: jsonl, dir: files}}}}
          curves: {{subjects: ["metrics.>"], sink: {{type: tensorboard, logdir: runs}}}}
          hq: {{subjects: ["metrics.>"], sink: {{type: mlflow, tracking_uri: "sqlite:///mlflow.db"}}}}
          bees: {{subjects: ["metrics.>"], sink: {{type: wandb, dir: .}}}}
        """,
    )


def without(libraries: str, file: Path, command: str) -> list[str]:
    installed = str(file.with_name("installed"))
    return [sys.executable, "-c", WITHOUT, libraries, installed, command, "-c", str(file)]


@contextmanager
def worker_without(libraries: str, file: Path) -> Iterator[Path]:
    """Run ``sitewire worker`` where these cannot be imported until a file ``installed`` is there; yield its log."""
    said = file.with_name("stderr")
    command = without(libraries, file, "worker")
    with said.open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            yield said
            assert process.poll() is None
        finally:
            process.terminate()
    assert process.returncode == 0


def test_each_missing_extra_is_named_once_and_the_other_routes_go_on_and_it_is_taken_up_once_it_is_installed(
    file: Path, nats_server: NatsServer, tmp_path: Path
) -> None:
    lines = tmp_path / "files" / "job" / "here" / "scalars.jsonl"
    with worker_without("tensorboardX,mlflow,wandb", file) as said:
        with Run("job", site="here", url=nats_server.url, spool=tmp_path / "spool") as run:
            run.log("loss", 0.5)
        wait_for(lambda: lines.exists() and len(named(said)) == 3, said)
        (tmp_path / "installed").touch()
        wait_for(lambda: bool(list((tmp_path / "runs").rglob("*tfevents*"))), said)
    assert named(said) == ["mlflow", "tensorboard", "wandb"]


def wait_for(condition: Callable[[], bool], said: Path) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, said.read_text()
        time.sleep(0.05)


def named(said: Path) -> list[str]:
    return sorted(re.findall(r"level=warning .*pip install 'sitewire\[(\w+)\]'", said.read_text()))


def test_check_needs_no_tracker_and_suggests_what_a_key_was_meant_to_be(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = subprocess.run(
        without("tensorboardX,mlflow,wandb", file, "check"), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    text = file.read_text().replace("tracking_uri:", "trackinguri:").replace("dir: .}", "dir: ., flush_second: 2}")
    file.write_text(text)
    assert main(["check", "-c", str(file)]) == 78
    problems = capsys.readouterr().err
    assert "`trackinguri`; did you mean `tracking_uri`?" in problems
    assert "`flush_second`; did you mean `flush_seconds`?" in problems


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ('type: mlflow, tracking_uri: "https://me:hush@hub/"', "username and password_file"),
        ('type: mlflow, tracking_uri: "https://hub", token: hush', "there is no key `token`"),
        ('type: mlflow, tracking_uri: "https://hub", username: me, password: hush', "did you mean `password_file`"),
        ("type: wandb, dir: ., api_key: hush", "did you mean `api_key_file`"),
        ("type: wandb, dir: ., mode: hush", "offline"),
    ],
)
def test_a_secret_that_does_not_belong_into_the_file_is_refused_and_never_printed(
    keys: str, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_config(
        tmp_path,
        f"""
        broker: {{embedded: {{}}}}
        routes: {{hq: {{subjects: ["metrics.>"], sink: {{{keys}}}}}}}
        """,
    )
    assert main(["check", "-c", str(file)]) == 78
    said = capsys.readouterr()
    assert what in said.err
    assert "hush" not in said.err + said.out
