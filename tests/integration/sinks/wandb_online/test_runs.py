"""What arrives at the service of runs that nothing goes wrong with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, span, stream
from support.wandb.nvflare import BY_EPOCH, BY_ROUND, RECORDS
from support.wandb.online import Writer
from support.wandb.standin import StandIn

pytestmark = pytest.mark.asyncio(loop_scope="module")

A = stream(1)
DONE = Ending(EndingState.FINISHED, 1, BEGIN + 1000)
FAILED = Ending(EndingState.FAILED, 1, BEGIN + 1000)


async def test_eight_runs_at_once_arrive_with_each_record_once_and_their_ends(sink: Sink, standin: StandIn) -> None:
    writers = [Writer(sink, standin, f"eight-{number}") for number in range(8)]
    batches = [scalars(A, first, first + 25) for first in range(0, 200, 25)]

    async def write(writer: Writer, ending: Ending) -> None:
        for batch in batches:
            await writer.write(batch)
        await writer.conclude(ending)
        await writer.close()

    async with asyncio.TaskGroup() as group:
        for number, writer in enumerate(writers):
            group.create_task(write(writer, FAILED if number % 2 else DONE))
    assert all(writer.holds_exactly(records_of(batches)) for writer in writers)
    assert [writer.served.state for writer in writers] == ["finished", "failed"] * 4
    assert not any(writer.troubles for writer in writers)


async def test_two_step_axes_that_are_behind_each_other_lose_no_record(sink: Sink, standin: StandIn) -> None:
    assert len(RECORDS) == 900
    writer = Writer(sink, standin, "two-axes")
    for first in range(0, 900, 60):
        await writer.write(span(A, first, RECORDS[first : first + 60]))
    await writer.conclude(DONE)
    await writer.close()
    assert writer.holds_exactly(RECORDS)
    names = {*BY_ROUND, *BY_EPOCH}
    assert sum(len(names & row.keys()) for row in writer.served.history) == 900


async def test_a_run_that_goes_on_after_its_end_is_running_again(sink: Sink, standin: StandIn) -> None:
    writer = Writer(sink, standin, "again")
    await writer.write(scalars(A, 0, 5))
    await writer.conclude(FAILED)
    await writer.close()
    assert writer.served.state == "failed"
    await writer.write(scalars(A, 5, 9))
    await writer.conclude(Ending(EndingState.RUNNING, 2, 0.0))
    assert writer.served.state == "running"
    await writer.conclude(Ending(EndingState.FINISHED, 2, BEGIN + 2000))
    await writer.close()
    assert writer.served.state == "finished"
    assert writer.holds_exactly(records_of([scalars(A, 0, 9)]))


async def test_a_run_that_is_closed_is_whole_at_the_service_and_goes_on_running(sink: Sink, standin: StandIn) -> None:
    writer = Writer(sink, standin, "idle")
    await writer.write(scalars(A, 0, 5))
    await writer.close()
    assert writer.holds_exactly(records_of([scalars(A, 0, 5)]))
    assert writer.served.state == "running"


async def test_what_is_said_of_a_run_is_shown_by_the_service(sink: Sink, standin: StandIn) -> None:
    start = {"experiment": "e", "name": "called so", "group": "g", "job_type": "train", "notes": "n"}
    said = [
        Record(Kind.RUN_START, "run_start", start, BEGIN),
        Record(Kind.PARAM, "lr", 0.1, BEGIN),
        Record(Kind.TAG, "blue", "", BEGIN),
        Record(Kind.SUMMARY, "best", 0.9, BEGIN),
    ]
    writer = Writer(sink, standin, "said")
    await writer.write(scalars(A, 0, 5))
    await writer.write(span(stream(1, RecordClass.RUN), 0, said))
    await writer.close()
    run = writer.served
    assert (run.display_name, run.group, run.job_type, run.notes) == ("called so", "g", "train", "n")
    assert (run.values["lr"], run.tags, run.summary["best"]) == (0.1, ["blue"], 0.9)


async def test_the_key_is_in_no_file_of_the_place(sink: Sink, standin: StandIn, place: Path) -> None:
    writer = Writer(sink, standin, "secret")
    await writer.write(scalars(A, 0, 5))
    found = await asyncio.to_thread(_files_with, place / "runs", standin.api_key.encode())
    await writer.close()
    assert found == []


def _files_with(folder: Path, text: bytes) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]
