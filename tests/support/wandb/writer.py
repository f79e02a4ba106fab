"""A process that delivers to a run of a place until it is killed; it says ``writing`` once it does."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import scalars, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink

BATCH = 50


async def _main(place: Path) -> None:
    sink = WandbSink.from_options(WandbOptions(dir=place, flush_seconds=0), place)
    async with opened(sink):
        runner = await Runner(sink).open()
        first = 0
        while True:
            await runner.deliver(scalars(stream(1), first, first + BATCH))
            first += BATCH
            if first == BATCH:
                print("writing", flush=True)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
