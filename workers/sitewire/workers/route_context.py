"""What the runs of one partition of a route share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sitewire.workers.breaker import Breaker
from sitewire.workers.dead_letters import DeadLetters
from sitewire.workers.endings import Takes
from sitewire.workers.gaps import GapFiller
from sitewire.workers.parking_lot import ParkingLot
from sitewire.workers.receipts import ReceiptBook
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.stream import Stream


@dataclass(frozen=True, slots=True)
class RouteContext:
    """What the runs of one partition of a route share.

    Attributes:
        name: the route's.
        partition: which.
        sink: open on the partition.
        stream: what the broker stores.
        gaps: finds what is missing.
        book: the route's receipts.
        start: the stream sequence that the route begins at; None for the beginning, where every base is 0.
        settled: set whenever messages have been acknowledged.
        lot: what its parked runs share.
        letters: the route's dead letters.
        breaker: of the sink's place, shared with all that this worker writes there.
        takes: whether the route reads what is published under a subject.
        crowded: whether the partition has so many runs open that those which are quiet should make room.
    """

    name: str
    partition: int
    sink: Sink
    stream: Stream
    gaps: GapFiller
    book: ReceiptBook
    start: int | None
    settled: asyncio.Event
    lot: ParkingLot
    letters: DeadLetters
    breaker: Breaker
    takes: Takes = lambda _: True
    crowded: Callable[[], bool] = lambda: False
