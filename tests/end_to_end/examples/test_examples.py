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

pytestmark = [pytest.mark.nats, pytest.mark.slow]

EXAMPLES = Path(__file__).parents[3] / "examples"
SITEWIRE = str(Path(sys.executable).parent / "sitewire")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SITEWIRE_")}


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
    for site in ("hospital-a", "hospital-b"):
        command = [sys.executable, "-W", "error", str(EXAMPLES / "trainer.py")]
        subprocess.run(command, env={**environment, "SITEWIRE_SITE": site}, check=True)


@pytest.mark.parametrize("first", ["the trainers", "the broker"])
def test_two_sites_train_and_all_of_it_is_where_the_file_says(first: str, place: Path, port: int) -> None:
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
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for site in ("hospital-a", "hospital-b"):
        events = EventAccumulator(str(place / "runs" / "trial-7" / site), {"scalars": 0}).Reload()
        for tag in ("train/loss", "weight"):
            assert [item.step for item in events.Scalars(tag)] == list(range(1000))
    lines = (place / "hospital-a" / "trial-7" / "hospital-a" / "scalars.jsonl").read_text().splitlines()
    assert [json.loads(line)["index"] for line in lines] == list(range(2000))
    assert [path.name for path in (place / "hospital-a" / "trial-7").iterdir()] == ["hospital-a"]


def test_the_example_shows_no_more_than_the_readme_promises() -> None:
    lines = (EXAMPLES / "trainer.py").read_text().split("writer = SummaryWriter()")[1].splitlines()
    assert len([line for line in lines if line.strip()]) + 1 <= 10
