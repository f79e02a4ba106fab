"""What W&B's client takes of the machine while it runs: runs come and go, and it stays."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import scalars, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink, idle
from support.wandb.processes import processes_of

A = stream(1)


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """A limit as many systems have it; returns what it can be raised to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_runs_that_are_closed_leave_nothing_open_in_the_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idle, "MOST_IDLE", 0)
    open_files = []
    async with opened(WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path)) as sink:
        for number in range(8):
            await (await Runner(sink, RunKey("site", f"run-{number}")).open()).finish(scalars(A, 0, 5))
            host = processes_of(tmp_path)["host"]
            open_files.append(len(list(Path(f"/proc/{host}/fd").iterdir())))
    assert open_files[1:] == open_files[:1] * 7


async def test_the_client_has_as_many_descriptors_as_are_allowed(tmp_path: Path, few_descriptors: int) -> None:
    async with opened(WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path)) as sink:
        await (await Runner(sink).open()).finish(scalars(A, 0, 5))
        limits = [
            next(
                line.split()[3] for line in Path(f"/proc/{pid}/limits").read_text().splitlines() if "open files" in line
            )
            for pid in processes_of(tmp_path).values()
        ]
    assert limits == [str(few_descriptors)] * 2
