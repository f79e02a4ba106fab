"""A run that goes on for long holds no more for it."""

from __future__ import annotations

import os
from pathlib import Path

from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import span, stream
from support.pressure.memory import sample

NAME = "n" * 1000  # what is kept of each record, if anything is, is large
BATCH = 500  # records
WARM, MORE = 20, 120  # batches: 60 MB of names
MOST_GROWTH = 16.0  # MiB


def own() -> float:
    seen = sample(os.getpid())
    assert seen is not None
    return seen.own


async def test_nothing_of_a_record_stays_in_memory_behind_its_commit(tmp_path: Path) -> None:
    key = stream(1)
    records = [Record(Kind.SCALAR, NAME, 0.5, 1.7e9, step) for step in range(BATCH)]
    async with opened(TensorBoardSink(tmp_path)) as sink:
        runner = await Runner(sink).open()
        before = 0.0
        for number in range(WARM + MORE):
            if number == WARM:
                before = own()
            await runner.deliver(span(key, number * BATCH, records))
        after = own()
        await runner.finish()
    assert after - before < MOST_GROWTH
