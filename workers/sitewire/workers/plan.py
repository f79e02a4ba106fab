"""Which of the indexes at hand are next: the heart of exact delivery, without any state of its own.

Below the next index is a duplicate, an overlap is cut, above waits for what is missing. The plan is a
function of the committed positions and of the envelopes at hand, so that after any failure the same
function, given the positions that the sink recovered, says what is still to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from sitewire.schemas.envelope import Envelope, Span, Stretch
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind
from sitewire.workers.decisions import NONE_DECIDED, Decisions, Fate
from sitewire.workers.sinks.contract import Delivery, Outcome


@dataclass(slots=True)
class Plan:
    """What to write now.

    Attributes:
        deliveries: in index order per key.
        next: per key, the index expected once ``deliveries`` are committed.
        missing: per key that waits, the range ``(first, end)`` that is missing.
        duplicates: indexes that came although they are committed or came twice.
        partial: more of what is at hand could be written; ``missing`` is not known then.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    next: dict[StreamKey, int] = field(default_factory=dict)
    missing: dict[StreamKey, tuple[int, int]] = field(default_factory=dict)
    duplicates: int = 0
    partial: bool = False


def make_plan(
    positions: Mapping[StreamKey, Position],
    bases: Mapping[StreamKey, int],
    envelopes: Mapping[StreamKey, Iterable[Envelope]],
    holds: Callable[[Kind], bool],
    decided: Decisions = NONE_DECIDED,
) -> Plan:
    """Order what is at hand.

    Args:
        positions: what the sink has committed.
        bases: where a numbering begins that the sink does not know yet.
        envelopes: what came and is not acknowledged.
        holds: whether the sink can hold a kind.
        decided: indexes that have met their fate before they are written.
    """
    plan = Plan()
    for key, items in envelopes.items():
        position = positions.get(key)
        start = bases[key] if position is None else position.next
        for stretch in _advance(plan, key, start, items):
            plan.deliveries.extend(_deliveries(key, stretch, holds, decided))
    return plan


def _advance(plan: Plan, key: StreamKey, start: int, items: Iterable[Envelope]) -> list[Stretch]:
    stretches: list[Stretch] = []
    position = start
    for envelope in sorted(items, key=lambda item: (item.first, item.end)):
        if envelope.first > position:
            plan.missing[key] = (position, envelope.first)
            break
        plan.duplicates += min(envelope.end, position) - envelope.first
        stretches.extend(envelope.stretches(position))
        position = max(position, envelope.end)
    plan.next[key] = position
    return stretches


def _deliveries(
    key: StreamKey, stretch: Stretch, holds: Callable[[Kind], bool], decided: Decisions
) -> Iterable[Delivery]:
    if not isinstance(stretch, Span):
        yield Delivery(key, stretch, Outcome.DELIVERED)
        return
    kinds = {record.kind for record in stretch.records}
    if all(map(holds, kinds)) and not decided.of(key).touches(stretch.first, stretch.end):
        yield Delivery(key, stretch, Outcome.DELIVERED)
        return
    yield from _by_fate(key, stretch, holds, decided)


def _by_fate(key: StreamKey, span: Span, holds: Callable[[Kind], bool], decided: Decisions) -> Iterable[Delivery]:
    fates = decided.of(key)

    def fate(at: int) -> Fate:
        kind = span.records[at].kind
        return fates.get(span.first + at) or (Outcome.DELIVERED if holds(kind) else Outcome.REFUSED)

    for found, group in groupby(range(len(span.records)), fate):
        members = list(group)
        yield _delivery(key, Span(span.first + members[0], span.records[members[0] : members[-1] + 1]), found)


def _delivery(key: StreamKey, span: Span, fate: Fate) -> Delivery:
    if isinstance(fate, HoleName):
        return Delivery(key, Hole(fate, span.first, len(span.records)))
    return Delivery(key, span, fate)
