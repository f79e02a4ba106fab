"""A sink that keeps what is committed in memory, and fails when it is told to."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Self

from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import BatchRefused, SinkUnavailable
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import Delivery, Outcome, RunSink, Sink, SinkOptions
from sitewire.workers.sinks.progress import Progress

Running = Callable[..., AbstractAsyncContextManager[RoutePartition]]
"""What the fixture ``running`` gives."""


class Place:
    """What outlives the sink: the tracker.

    Attributes:
        indexes: per run and numbering, the indexes of the records committed, in their order.
        committed: per run, its positions.
        asked: runs that were to be opened.
        opened: how often each run was opened.
        endings: per run, what was told of its end, with the positions that were committed by then.
        log: what happened, in words.
        on_open: raised by ``open_run``, one each time.
        on_write: called before a batch is taken; what it raises, ``write`` raises.
        on_commit: called before a commit; what it raises, ``commit`` raises.
        after_commit: called behind one.
        on_conclude: raised by ``conclude``, one each time.
        before_commit: awaited before each.
        behind_commit: awaited when it has been done.
        gate: while it is clear, no run can be opened.
        gates: the same for single runs.
        broken: runs that cannot be opened or written to.
        failures: how often one of them was.
        refuses: asked of each record that is to be delivered: whether the tracker will never take it.
        refusals: batches that were refused.
        steps: per run, the steps of the records committed, whatever they are numbered with.
    """

    def __init__(self) -> None:
        self.indexes: defaultdict[tuple[RunKey, StreamKey], list[int]] = defaultdict(list)
        self.committed: dict[RunKey, dict[StreamKey, Position]] = {}
        self.asked: set[RunKey] = set()
        self.opened: defaultdict[RunKey, int] = defaultdict(int)
        self.endings: defaultdict[RunKey, list[tuple[Ending, dict[StreamKey, Position]]]] = defaultdict(list)
        self.log: list[str] = []
        self.on_open: list[Exception] = []
        self.on_write: list[Exception] = []
        self.on_commit: list[Exception] = []
        self.after_commit: list[Exception] = []
        self.on_conclude: list[Exception] = []
        self.before_commit: Callable[[], Awaitable[None]] = nothing
        self.behind_commit: Callable[[], Awaitable[None]] = nothing
        self.gate = asyncio.Event()
        self.gate.set()
        self.gates: dict[RunKey, asyncio.Event] = {}
        self.broken: set[RunKey] = set()
        self.failures = 0
        self.refuses: Callable[[Record], bool] = lambda _: False
        self.refusals = 0
        self.steps: defaultdict[RunKey, list[int]] = defaultdict(list)
        self.changed = asyncio.Event()

    def check(self, run: RunKey) -> None:
        """Raise if a run is broken."""
        if run in self.broken:
            self.failures += 1
            msg = f"a file where {run.run} belongs"
            raise SinkUnavailable(msg)

    async def until(self, run: RunKey, key: StreamKey, next_index: int) -> None:
        """Wait until a numbering is committed up to an index."""
        while (position := self.committed.get(run, {}).get(key)) is None or position.next < next_index:
            self.changed.clear()
            await self.changed.wait()


class MemoryRun(RunSink):
    """One run in a ``Place``."""

    def __init__(self, place: Place, run: RunKey) -> None:
        self._place = place
        self._run = run
        self._progress = Progress(place.committed.get(run, {}))
        self._written: list[Delivery] = []

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        return self._progress.committed

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        self._place.log.append("write")
        self._place.check(self._run)
        if self._place.on_write:
            raise self._place.on_write.pop()
        self._refuse(deliveries)
        for delivery in deliveries:
            self._progress.write(delivery)
        self._written += deliveries

    async def commit(self) -> None:
        await self._place.before_commit()
        if self._place.on_commit:
            raise self._place.on_commit.pop()
        self._progress.commit()
        self._place.committed[self._run] = dict(self._progress.committed)
        for delivery in self._written:
            if isinstance(delivery.stretch, Span) and delivery.outcome is not Outcome.DEAD_LETTER:
                self._place.steps[self._run] += [record.step or 0 for record in delivery.stretch.records]
                self._place.indexes[self._run, delivery.key] += range(delivery.stretch.first, delivery.stretch.end)
        self._written.clear()
        self._place.log.append("commit")
        self._place.changed.set()
        await self._place.behind_commit()
        if self._place.after_commit:
            raise self._place.after_commit.pop()

    async def conclude(self, ending: Ending) -> None:
        if self._place.on_conclude:
            raise self._place.on_conclude.pop()
        self._place.endings[self._run].append((ending, self._place.committed.get(self._run, {})))
        self._place.changed.set()

    async def close(self) -> None:
        self._place.log.append("close")

    def _refuse(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            if delivery.outcome is Outcome.DELIVERED and isinstance(delivery.stretch, Span):
                for record in filter(self._place.refuses, delivery.stretch.records):
                    self._place.refusals += 1
                    message = f"the tracker does not take {record.name!r} at step {record.step}"
                    raise BatchRefused(message)


class MemorySink(Sink):
    """Gives out the runs of a ``Place``."""

    name = "memory"
    Options = SinkOptions

    def __init__(self, place: Place) -> None:
        self._place = place

    @classmethod
    def from_options(cls, options: Any, base: Path) -> Self:
        raise NotImplementedError

    @property
    def identity(self) -> str:
        return "memory:"

    def holds(self, kind: Kind) -> bool:
        return kind is not Kind.HPARAMS

    async def open(self, partition: int) -> None:
        self._place.log.append("open sink")

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:
        self._place.asked.add(key)
        await self._place.gates.get(key, self._place.gate).wait()
        self._place.check(key)
        if self._place.on_open:
            raise self._place.on_open.pop()
        self._place.opened[key] += 1
        return MemoryRun(self._place, key)

    async def close(self) -> None:
        self._place.log.append("close sink")


async def nothing() -> None:
    """Return."""
