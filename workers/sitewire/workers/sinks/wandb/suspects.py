"""Which runs may have ended a host, and when a record is to blame for it.

A host that ends, or hangs and is killed, takes all of its runs with it, and nothing says which of them it was. So each
run that was being worked on then is *suspect*: it goes on in a host of its own (``solo_hosts``), and the others go on
together. What becomes of a suspect:

- Its batch goes through: it is no suspect any more, and is among the others from its next segment on. A run of which
  a record was refused stays alone for a while: the same name may come with every step.
- Its own host ends, too. That *counts* if nothing else explains it: nobody was with it, nobody killed it from outside
  (``Death``), and directly afterwards another host could be started and wrote a row of another segment, which shows
  what the run did before the batch (``probe``).
- It counts, and the batch has several records: ``BatchRefused``, which has the caller halve it. That blames no record.
- It counts, and the batch has one record: refused when that record has ended a host for the second time, or was in
  one that hung or ended for the fourth time: a slow disk can look like a hang. The caller makes it a dead letter.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.sinks.contract import Delivery, Outcome

ENDED: Final = 2
"""Times that one record alone has to end a host of its own to be refused."""

FAILED: Final = 4
"""Times that it has to end one or be in one that hangs, in all."""

PROBATION: Final = 600.0
"""Seconds that a run stays suspect behind the last record of it that was refused."""

Indexes: TypeAlias = tuple[StreamKey, int, int]
"""Consecutive records of a batch that are to be delivered: numbering, first index, and the one behind the last."""


class Death(StrEnum):
    """What a host has died of."""

    BY_ITSELF = "by_itself"
    """It crashed, or its core did, and said so."""
    HUNG = "hung"
    """It did not answer, or rows did not come into the file, and it was killed for that."""
    OUTSIDE = "outside"
    """Somebody else killed it, the operator or a system out of memory; or nobody knows. Nothing is blamed for it."""


def indexes_of(deliveries: Iterable[Delivery]) -> list[Indexes]:
    """Return which records of a batch are to be delivered: one of them may be to blame, and nothing else."""
    return [
        (delivery.key, delivery.stretch.first, delivery.stretch.end)
        for delivery in deliveries
        if isinstance(delivery.stretch, Span) and delivery.outcome is Outcome.DELIVERED
    ]


@dataclass(slots=True)
class _Suspicion:
    """What is known of one suspect.

    Attributes:
        refused: what was refused and may be tried again in parts: until all of it is committed it stays a suspect.
        deaths: those that count, of the one record ``alone``.
        until: on the clock, when it may be among the others.
    """

    refused: dict[StreamKey, int] = field(default_factory=dict)
    alone: Indexes | None = None
    deaths: list[Death] = field(default_factory=list)
    until: float = -math.inf


class Suspects:
    """Those of one place in a worker, by W&B's id of the run.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._runs: dict[str, _Suspicion] = {}

    def __contains__(self, run: object) -> bool:
        return run in self._runs

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, runs: Iterable[str]) -> None:
        """Suspect runs that were being worked on when a host ended."""
        for run in runs:
            self._runs.setdefault(run, _Suspicion())

    def died(self, run: str, death: Death, batch: Sequence[Indexes], *, others_work: bool) -> bool:
        """Note that a run's own host has died; return whether the batch is to be refused.

        Args:
            run: the only one in it.
            death: of what.
            batch: that was being worked on.
            others_work: whether a host was started directly afterwards and wrote a row.
        """
        suspicion = self._runs.setdefault(run, _Suspicion())
        count = sum(end - first for _, first, end in batch)
        if death is Death.OUTSIDE or not others_work or not count:
            return False
        guilty = count == 1 and _is_guilty(suspicion, death, batch)
        if guilty:
            suspicion.until = self._clock() + PROBATION
        refused = guilty or count > 1
        if refused:
            for key, _, end in batch:
                suspicion.refused[key] = max(end, suspicion.refused.get(key, 0))
        return refused

    def passed(self, run: str, positions: Mapping[StreamKey, Position]) -> None:
        """Note that a batch has gone through; a run is no suspect any more if all that was refused lies behind it.

        Args:
            run: whose.
            positions: what is committed of it.
        """
        suspicion = self._runs.get(run)
        if suspicion is None or self._clock() < suspicion.until:
            return
        if all(key in positions and positions[key].next >= end for key, end in suspicion.refused.items()):
            del self._runs[run]


def _is_guilty(suspicion: _Suspicion, death: Death, batch: Sequence[Indexes]) -> bool:
    record = next(indexes for indexes in batch if indexes[1] < indexes[2])
    if suspicion.alone != record:
        suspicion.alone = record
        suspicion.deaths.clear()
    suspicion.deaths.append(death)
    return suspicion.deaths.count(Death.BY_ITSELF) >= ENDED or len(suspicion.deaths) >= FAILED
