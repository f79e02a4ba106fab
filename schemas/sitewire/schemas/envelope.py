"""One broker message: consecutive indexes of one writer and class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sitewire.schemas.hole import Hole
from sitewire.schemas.record import Record, RecordClass


@dataclass(frozen=True, slots=True)
class Span:
    """Records with consecutive indexes, the first of them at ``first``."""

    first: int
    records: tuple[Record, ...]

    @property
    def end(self) -> int:
        """The index behind the last one."""
        return self.first + len(self.records)


Stretch: TypeAlias = Span | Hole
"""A part of the index line that is of one sort."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Covers every index from ``first`` to ``end - 1``: each is a record or lies in a hole.

    Attributes:
        writer: 32 hexadecimal digits.
        record_class: the class whose numbering the indexes belong to.
        first: the first index covered.
        records: in the order of their indexes, holes left out.
        holes: ascending, disjoint, within ``first`` and ``end``.
        experiment: the experiment that the writer's run belongs to.
    """

    writer: str
    record_class: RecordClass
    first: int
    records: tuple[Record, ...]
    holes: tuple[Hole, ...] = ()
    experiment: str = "default"

    @property
    def end(self) -> int:
        """The index behind the last one covered."""
        return self.first + len(self.records) + sum(hole.count for hole in self.holes)

    def stretches(self, start: int = 0) -> Iterator[Stretch]:
        """Yield what lies at ``start`` and behind it, in the order of indexes.

        Args:
            start: indexes below it are cut off, which may cut a stretch in two.
        """
        position, taken = self.first, 0
        for hole in self.holes:
            count = hole.first - position
            if count:
                yield from _cut(Span(position, self.records[taken : taken + count]), start)
            yield from _cut(hole, start)
            taken += count
            position = hole.end
        if taken < len(self.records):
            yield from _cut(Span(position, self.records[taken:]), start)


def _cut(stretch: Stretch, start: int) -> Iterator[Stretch]:
    if stretch.end <= start:
        return
    skip = max(start - stretch.first, 0)
    if not skip:
        yield stretch
    elif isinstance(stretch, Hole):
        yield Hole(stretch.name, start, stretch.count - skip)
    else:
        yield Span(start, stretch.records[skip:])
