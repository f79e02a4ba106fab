"""A run that is uploaded, and what writes it is killed: the service has each record once in the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.workers.sinks.testing import child
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, record_at, records_of, scalars, stream
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb.expected import entries, expected
from support.wandb.online import PROJECT, Writer, make_online_sink, online_options, until
from support.wandb.served import as_run
from support.wandb.standin import StandIn

pytestmark = pytest.mark.asyncio(loop_scope="module")

A = stream(1)
KILLS = int(os.environ.get("SITEWIRE_TEST_KILLS", "1"))
DONE = Ending(EndingState.FINISHED, 1, BEGIN + 1000)
BATCHES = [scalars(A, first, first + 20) for first in range(0, 200, 20)]


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A stand-in that is up."""
    with StandIn() as standin:
        yield standin


async def test_a_worker_that_is_killed_while_it_uploads_leaves_nothing_out_and_doubles_nothing(
    standin: StandIn, tmp_path: Path
) -> None:
    def sent() -> int:
        run = standin.runs.get(PROJECT, run_id(KEY))
        return 0 if run is None else len(run.history)

    for _ in range(KILLS):
        before = sent()
        process = await _start(standin, tmp_path)
        await until(lambda: sent() > before)  # noqa: B023  awaited before the next turn
        process.kill()
        await process.wait()
    async with opened(make_online_sink(standin, tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.run.conclude(DONE)
        positions = runner.run.positions
        await runner.run.close()
    records = [record_at(key, index) for key, at in positions.items() for index in range(at.next)]
    run = standin.run(PROJECT, run_id(KEY))
    assert sorted(map(repr, entries(as_run(run)))) == sorted(map(repr, expected(records)))
    assert [row["_step"] for row in run.history] == list(range(len(run.history)))
    assert (run.rewritten, run.state) == (0, "finished")


async def test_a_client_that_is_killed_is_started_again_and_the_run_goes_on(standin: StandIn, tmp_path: Path) -> None:
    async with opened(make_online_sink(standin, tmp_path)) as sink:
        writer = Writer(sink, standin, "clients")
        for number, batch in enumerate(BATCHES):
            await writer.write(batch)
            for pid in await asyncio.to_thread(_children, {3: "wandb-core", 6: "sinks.wandb.host"}.get(number)):
                os.kill(pid, signal.SIGKILL)
        await writer.conclude(DONE)
        await writer.close()
    assert writer.troubles
    assert writer.holds_exactly(records_of(BATCHES))
    assert writer.served.state == "finished"


async def _start(standin: StandIn, place: Path) -> Process:
    options = json.dumps(online_options(standin, place))
    arguments = ["-m", child.__name__, "sitewire.workers.sinks.wandb.sink", "WandbSink", options, str(place), "write"]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def _children(name: str | None) -> list[int]:
    """Return the processes below this one whose command line has a word in it; none for no word."""
    found, below = [], {os.getpid()}
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_text()
        except OSError:
            continue
        if parent in below:
            below.add(int(entry.name))
            if name is not None and name in command:
                found.append(int(entry.name))
    return found
