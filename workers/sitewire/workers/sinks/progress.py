"""How far a run's sink has come: what is committed, and what is written beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.errors import OutOfOrder
from sitewire.workers.sinks.contract import Delivery, Outcome

_FIELDS: Final = {
    Outcome.DELIVERED: "delivered",
    Outcome.FILTERED: "filtered",
    Outcome.REFUSED: "refused",
    Outcome.DEAD_LETTER: "dead_letters",
}


def fate(delivery: Delivery) -> Outcome | HoleName:
    """Return what a delivery's indexes count as: a hole by its name, records by their outcome."""
    return delivery.stretch.name if isinstance(delivery.stretch, Hole) else delivery.outcome


def read_fate(text: str) -> Outcome | HoleName:
    """Read a fate that was written as text.

    Raises:
        ValueError: it is none.
    """
    return Outcome(text) if text in Outcome.__members__.values() else HoleName(text)


def advanced(position: Position, what: Outcome | HoleName, count: int) -> Position:
    """Return the position ``count`` indexes further, counted as what became of them."""
    if isinstance(what, HoleName):
        holes = {**position.holes, what: position.holes.get(what, 0) + count}
        return replace(position, holes=holes)
    field = _FIELDS[what]
    return replace(position, **{field: getattr(position, field) + count})


class Progress:
    """The committed positions of a run, and those of what is written and not yet committed."""

    def __init__(self, committed: Mapping[StreamKey, Position]) -> None:
        self.committed: dict[StreamKey, Position] = dict(committed)
        self.written: dict[StreamKey, Position] = dict(committed)

    def write(self, delivery: Delivery) -> None:
        """Count a delivery as written.

        Raises:
            OutOfOrder: it does not begin where the numbering stands.
        """
        first, end = delivery.stretch.first, delivery.stretch.end
        position = self.written.get(delivery.key) or Position(base=first)
        if first != position.next or end <= first:
            msg = f"{delivery.key.writer}, {delivery.key.record_class}: {first} to {end}, expected {position.next}"
            raise OutOfOrder(msg)
        self.written[delivery.key] = advanced(position, fate(delivery), end - first)

    def commit(self) -> None:
        """Count what is written as committed."""
        self.committed = dict(self.written)
