"""``wandb sync`` of what the sink has written: each point once, or nothing where the sink has sent it itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, span, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink
from support.wandb.client import segments, sync
from support.wandb.nvflare import RECORDS
from support.wandb.online import Writer
from support.wandb.standin import StandIn

pytestmark = pytest.mark.asyncio(loop_scope="module")

A = stream(1)
DONE = Ending(EndingState.FINISHED, 1, BEGIN + 10_000)


async def test_three_offline_segments_of_two_step_axes_arrive_each_point_once(standin: StandIn, tmp_path: Path) -> None:
    writer = Writer(WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path), standin, "offline")
    for first in (0, 300, 600):
        async with opened(writer.sink):  # three owners: with one, a run that is closed goes on in its segment
            await writer.write(span(A, first, RECORDS[first : first + 300]))
            if first:
                await writer.conclude(DONE)
            await writer.close()
    found = await asyncio.to_thread(segments, tmp_path)
    assert len(found) == 3
    await asyncio.to_thread(sync, standin, *found)
    assert writer.holds_exactly(RECORDS)
    assert [row["_step"] for row in writer.served.history] == list(range(len(writer.served.history)))
    assert writer.served.state == "finished"


async def test_what_was_sent_already_is_passed_over(sink: Sink, standin: StandIn, place: Path) -> None:
    writer = Writer(sink, standin, "online")
    await writer.write(scalars(A, 0, 20))
    await writer.close()
    runner = await Runner(sink, RunKey("site", "online")).open()
    await runner.run.conclude(DONE)
    await runner.run.close()
    found = await asyncio.to_thread(segments, place / "runs")
    await asyncio.to_thread(sync, standin, *found)
    assert writer.holds_exactly(records_of([scalars(A, 0, 20)]))
