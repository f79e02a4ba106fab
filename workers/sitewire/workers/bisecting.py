"""Which records of a refused batch the tracker will not take: halved until one is alone.

Sizes are of *open* records: those that are to be delivered. What has met its fate (holes, kinds that the sink
cannot hold, records in the dead letters) goes along with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.limits import MAX_ENVELOPE_RECORDS
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Record
from sitewire.workers.plan import Plan
from sitewire.workers.sinks.contract import Delivery, Outcome

MOST_DEAD: Final = 100
"""Dead letters in one part at most, while parts are small: so a position moves where everything is refused."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """The one record that the tracker will not take."""

    key: StreamKey
    index: int
    record: Record


class Bisecting:
    """How large the next part of a run's records may be.

    Within a part that was refused, half of what is left of it. Behind a record that was found, as many as
    lay before it: where one in ten is refused, ten at a time. What passes makes it grow.
    """

    def __init__(self) -> None:
        self._most: int | None = None
        self._bound: int | None = None  # among so many of the next, one is refused
        self._passed = 0  # since the last one that was found

    def part(self, plan: Plan) -> Plan:
        """Return as much of a plan, from its beginning, as is to be tried now."""
        return plan if self._most is None else _cut(plan, self._most)

    def passed(self, part: Plan) -> None:
        """Note that a part was committed."""
        count = sum(map(_open, part.deliveries))
        self._passed += count
        if self._bound is not None and self._bound > count:
            self._bound -= count
            self._most = max(self._bound // 2, 1)
        elif self._most is not None:
            self._bound = None
            self._most = self._most * 2 if self._most < MAX_ENVELOPE_RECORDS else None

    def refused(self, part: Plan, at: tuple[StreamKey, int] | None = None) -> Culprit | None:
        """Note that a part was refused; return the record that is to blame, if that is known.

        Args:
            part: what was refused.
            at: numbering and index of the record, if the tracker named it.

        Raises:
            ValueError: there is no open record in it at all.
        """
        candidates = list(filter(_open, part.deliveries))
        count = sum(map(_open, candidates))
        if not count:
            msg = "a batch was refused in which nothing was to be delivered"
            raise ValueError(msg)
        named = next(_at(candidates, *at), None) if at is not None else None
        if named is None and count > 1:
            self._bound, self._most = count, count // 2
            return None
        if named is None:
            self._most, self._passed = max(self._passed, 1), 0
        self._bound = None
        return named or _culprit(candidates[0], 0)


def _culprit(delivery: Delivery, number: int) -> Culprit:
    assert isinstance(delivery.stretch, Span)  # noqa: S101  what is open is one
    return Culprit(delivery.key, delivery.stretch.first + number, delivery.stretch.records[number])


def _at(deliveries: Iterable[Delivery], key: StreamKey, index: int) -> Iterator[Culprit]:
    for delivery in deliveries:
        if delivery.key == key and delivery.stretch.first <= index < delivery.stretch.end:
            yield _culprit(delivery, index - delivery.stretch.first)


def _open(delivery: Delivery) -> int:
    return _length(delivery) if delivery.outcome is Outcome.DELIVERED and isinstance(delivery.stretch, Span) else 0


def _length(delivery: Delivery) -> int:
    return delivery.stretch.end - delivery.stretch.first


def _cut(plan: Plan, most: int) -> Plan:
    taken: list[Delivery] = []
    room, dead = most, 0
    for number, delivery in enumerate(plan.deliveries):
        count = _open(delivery)
        fits = 0 if dead >= MOST_DEAD else room
        if count > fits:
            head, rest = _split(delivery, fits)
            return _partial(plan, [*taken, *head], [rest, *plan.deliveries[number + 1 :]])
        taken.append(delivery)
        room -= count
        dead += _length(delivery) if delivery.outcome is Outcome.DEAD_LETTER else 0
    return plan


def _split(delivery: Delivery, count: int) -> tuple[list[Delivery], Delivery]:
    span = delivery.stretch
    assert isinstance(span, Span)  # noqa: S101  only what is open is split
    head = [replace(delivery, stretch=Span(span.first, span.records[:count]))] if count else []
    return head, replace(delivery, stretch=Span(span.first + count, span.records[count:]))


def _partial(plan: Plan, taken: list[Delivery], left: list[Delivery]) -> Plan:
    following = dict(plan.next)
    for delivery in reversed(left):
        following[delivery.key] = delivery.stretch.first
    return Plan(taken, following, {}, plan.duplicates, partial=True)
