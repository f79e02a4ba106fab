"""What a caller of sinks does, at its smallest: keep known positions, and write what is left over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from sitewire.schemas.envelope import Span
from sitewire.schemas.hole import Hole
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.contract import Delivery, RunSink, Sink

KEY = RunKey("site ä/1", "run.1")


@asynccontextmanager
async def opened(sink: Sink, partition: int = 0) -> AsyncIterator[Sink]:
    """Open a sink for the time of a block."""
    await sink.open(partition)
    try:
        yield sink
    finally:
        await sink.close()


class Runner:
    """One run of a sink, opened again as often as it takes.

    Attributes:
        run: the run as it is open now.
        known: the positions of the last commit, which a receipt would hold.
    """

    def __init__(self, sink: Sink, key: RunKey = KEY, known: Mapping[StreamKey, Position] | None = None) -> None:
        self.sink = sink
        self.key = key
        self.known: Mapping[StreamKey, Position] = dict(known or {})
        self.run: RunSink

    async def open(self) -> Runner:
        """Open the run."""
        self.run = await self.sink.open_run(self.key, "experiment", self.known)
        return self

    async def deliver(self, *deliveries: Delivery) -> None:
        """Write and commit a batch."""
        await self.run.write(deliveries)
        await self.commit()

    async def commit(self) -> None:
        """Commit, and remember what a receipt would."""
        await self.run.commit()
        self.known = dict(self.run.positions)

    async def reopen(self) -> None:
        """Do what follows any failure."""
        await self.run.close()
        await self.open()

    async def finish(self, *deliveries: Delivery) -> None:
        """Write what of the deliveries is not there yet, and close."""
        await self.deliver(*remaining(deliveries, self.run.positions))
        await self.run.close()


def remaining(deliveries: Sequence[Delivery], positions: Mapping[StreamKey, Position]) -> list[Delivery]:
    """Return what lies at or behind the positions."""
    return [
        left
        for item in deliveries
        if (left := _cut(item, positions[item.key].next if item.key in positions else 0)) is not None
    ]


def _cut(delivery: Delivery, start: int) -> Delivery | None:
    stretch = delivery.stretch
    skip = max(start - stretch.first, 0)
    if stretch.first + skip >= stretch.end:
        return None
    if isinstance(stretch, Hole):
        return replace(delivery, stretch=Hole(stretch.name, stretch.first + skip, stretch.count - skip))
    return replace(delivery, stretch=Span(stretch.first + skip, stretch.records[skip:]))
