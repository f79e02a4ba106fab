"""A worker without a tracker's library says which to install, and delivers the other routes."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitewire.collectors import Run
from sitewire.deploy.cli.main import main
from support.config import write_config
from support.nats import NatsServer

pytestmark = pytest.mark.nats

WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))  # none of these can be imported
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
        """,
    )


@contextmanager
def worker_without(libraries: str, file: Path) -> Iterator[Path]:
    """Run ``sitewire worker`` where these cannot be imported; what it says on standard error is in the file."""
    said = file.with_name("stderr")
    command = [sys.executable, "-c", WITHOUT, libraries, "worker", "-c", str(file)]
    with said.open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            yield said
            assert process.poll() is None
        finally:
            process.terminate()
    assert process.returncode == 0


def test_each_missing_extra_is_named_once_and_the_other_routes_go_on(
    file: Path, nats_server: NatsServer, tmp_path: Path
) -> None:
    lines = tmp_path / "files" / "job" / "here" / "scalars.jsonl"
    with worker_without("tensorboardX,mlflow,wandb", file) as said:
        with Run("job", site="here", url=nats_server.url, spool=tmp_path / "spool") as run:
            run.log("loss", 0.5)
        deadline = time.monotonic() + 20
        while not (lines.exists() and len(named(said)) == 2):
            assert time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
    assert named(said) == ["mlflow", "tensorboard"]


def named(said: Path) -> list[str]:
    return sorted(re.findall(r"pip install 'sitewire\[(\w+)\]'", said.read_text()))


def test_check_needs_no_tracker_and_suggests_what_a_key_was_meant_to_be(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-c", WITHOUT, "tensorboardX,mlflow,wandb", "check", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    text = file.read_text().replace("tracking_uri:", "trackinguri:")
    file.write_text(text)
    assert main(["check", "-c", str(file)]) == 78
    problems = capsys.readouterr().err
    assert "`trackinguri`; did you mean `tracking_uri`?" in problems


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
