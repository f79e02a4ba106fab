"""What has been decided of single indexes of a run before they are written, and is on the broker for good.

A record in the dead letters was never delivered, and an index in a note of a hole never will be: whoever
writes the run next goes by that, and does not ask the tracker again. So a retry delivers each of them once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.sinks.contract import Outcome

Fate: TypeAlias = Outcome | HoleName
"""What becomes of an index."""


@dataclass(slots=True)
class Decided:
    """Of one numbering.

    Attributes:
        dead: records in the dead letters.
        holes: indexes that are no record any more, whatever comes under them.
    """

    dead: set[int] = field(default_factory=set)
    holes: list[Hole] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is any such index."""
        return bool(self.dead or self.holes)

    def get(self, index: int) -> Fate | None:
        """Return what becomes of an index; None if that is still open."""
        if index in self.dead:
            return Outcome.DEAD_LETTER
        return next((hole.name for hole in self.holes if hole.first <= index < hole.end), None)

    def touches(self, first: int, end: int) -> bool:
        """Whether any index from ``first`` to ``end - 1`` is decided."""
        dead = any(first <= index < end for index in self.dead)
        return dead or any(hole.first < end and first < hole.end for hole in self.holes)

    def forget(self, below: int) -> None:
        """Let go of what lies below an index."""
        self.dead = {index for index in self.dead if index >= below}
        self.holes = [hole for hole in self.holes if hole.end > below]


class Decisions:
    """The fates of a run's indexes at or above its positions, per numbering."""

    def __init__(self) -> None:
        self._decided: defaultdict[StreamKey, Decided] = defaultdict(Decided)

    def of(self, key: StreamKey) -> Decided:
        """Return what is decided of a numbering."""
        return self._decided.get(key, _NOTHING)

    def refuse(self, key: StreamKey, index: int) -> None:
        """Note that a record is in the dead letters."""
        self._decided[key].dead.add(index)

    def empty(self, key: StreamKey, hole: Hole) -> None:
        """Note that indexes are a hole."""
        self._decided[key].holes.append(hole)

    def forget(self, positions: Mapping[StreamKey, Position]) -> None:
        """Let go of what is committed."""
        for key in [key for key in self._decided if key in positions]:
            self._decided[key].forget(positions[key].next)
            if not self._decided[key]:
                del self._decided[key]


_NOTHING: Final = Decided()

NONE_DECIDED: Final = Decisions()
"""For runs of which nothing is decided; nobody adds to it."""
