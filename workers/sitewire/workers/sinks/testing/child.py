"""A process that writes to a sink until it is killed; ``hold`` makes it only keep the partition.

``python -m sitewire.workers.sinks.testing.child MODULE CLASS OPTIONS BASE write|hold``. It says ``ready`` on standard
output once the partition is its own.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import CLASS_OF, RecordClass
from sitewire.workers.sinks.contract import Delivery, RunSink, Sink
from sitewire.workers.sinks.testing.claims import FOLDER, FileClaims
from sitewire.workers.sinks.testing.runner import KEY
from sitewire.workers.sinks.testing.samples import record_at, span, stream

BATCH = 40
WRITERS = 2


def streams(sink: Sink) -> list[StreamKey]:
    """Return the numberings that are written: each class of which the sink holds every kind."""
    held = [c for c in RecordClass if any(CLASS_OF[k] is c for k in CLASS_OF)]
    held = [c for c in held if all(sink.holds(kind) for kind, of in CLASS_OF.items() if of is c)]
    return [stream(writer, record_class) for writer in range(WRITERS) for record_class in held]


def batch(keys: list[StreamKey], run: RunSink) -> list[Delivery]:
    """Return what comes next: numberings side by side, of uneven lengths."""
    return [_next(key, run.positions.get(key), BATCH + 3 * number) for number, key in enumerate(keys)]


def _next(key: StreamKey, position: Position | None, count: int) -> Delivery:
    first = position.next if position else 0
    return span(key, first, [record_at(key, index) for index in range(first, first + count)])


async def _main(module: str, name: str, options: str, base: str, task: str) -> None:
    sink_type: type[Sink] = getattr(importlib.import_module(module), name)
    sink = sink_type.from_options(sink_type.Options.model_validate(json.loads(options)), Path(base))
    sink.attach(FileClaims(Path(base) / FOLDER))
    await sink.open(0)
    run = await sink.open_run(KEY, "experiment", {}) if task == "write" else None
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while run is not None:
        await run.write(batch(streams(sink), run))
        await run.commit()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
