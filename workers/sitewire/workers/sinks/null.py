"""The sink that writes nothing: it checks what it is given and counts it. For measuring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import CLASS_OF, Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen, OutOfOrder
from sitewire.workers.sinks.contract import Delivery, RunSink, Sink, SinkOptions
from sitewire.workers.sinks.progress import Progress


class NullOptions(SinkOptions):
    """``sink: {type: null}`` has no further keys."""


class NullRun(RunSink):
    """Counts one run."""

    def __init__(self, known: Mapping[StreamKey, Position]) -> None:
        self._progress = Progress(known)
        self._open = True

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is counted and committed."""
        return self._progress.committed

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Check and count a batch.

        Raises:
            OutOfOrder: a delivery does not begin where its numbering stands, or a record is of another class.
        """
        self._check_open()
        for delivery in deliveries:
            _check_class(delivery)
            self._progress.write(delivery)

    async def commit(self) -> None:
        """Count what was written as committed."""
        self._check_open()
        self._progress.commit()

    async def close(self) -> None:
        """Forget what was not committed."""
        self._open = False

    def _check_open(self) -> None:
        if not self._open:
            msg = "null: the run is closed; open it again"
            raise NotOpen(msg)


class NullSink(Sink):
    """Holds everything, keeps nothing."""

    name = "null"
    remembers = False
    Options: ClassVar[type[SinkOptions]] = NullOptions

    def __init__(self) -> None:
        self._open = False

    @classmethod
    def from_options(cls, options: NullOptions, base: Path) -> Self:  # noqa: ARG003  it has neither keys nor a place
        """Make a sink."""
        return cls()

    @property
    def identity(self) -> str:
        """``null:``, without a place."""
        return f"{self.name}:"

    def holds(self, kind: Kind) -> bool:
        """Every kind that there is."""
        return kind in CLASS_OF

    async def open(self, partition: int) -> None:  # noqa: ARG002  nothing is there to be written by two
        """Begin."""
        self._open = True

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  one run counts as any other
        """Go on from the receipt's positions."""
        if not self._open:
            msg = f"{self.identity}: open the sink first"
            raise NotOpen(msg)
        return NullRun(known)

    async def close(self) -> None:
        """End."""
        self._open = False


def _check_class(delivery: Delivery) -> None:
    stretch, wanted = delivery.stretch, delivery.key.record_class
    if isinstance(stretch, Span) and any(CLASS_OF[record.kind] is not wanted for record in stretch.records):
        msg = f"{delivery.key.writer}, {wanted}, from {stretch.first}: a record of another class"
        raise OutOfOrder(msg)
