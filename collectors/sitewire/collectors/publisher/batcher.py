"""What the spool gave, parcelled: one parcel becomes one envelope."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from operator import itemgetter
from typing import cast

from sitewire.collectors.spool.reader import Missing, Stored
from sitewire.schemas import limits
from sitewire.schemas.codec import encode_envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import RecordClass

_class_of = itemgetter(0)


@dataclass(slots=True)
class Parcel:
    """Consecutive indexes of one class.

    Attributes:
        record_class: their class.
        first: the first of them.
        end: the index behind the last.
        packed: the records that there are, in order.
        holes: the indexes that hold none.
        size: bytes of ``packed``.
    """

    record_class: RecordClass
    first: int
    end: int
    packed: list[bytes] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    size: int = 0

    def full(self, more: int) -> bool:
        """Whether another item of ``more`` bytes belongs in the next parcel."""
        return (
            self.size + more > limits.ENVELOPE_TARGET_BYTES
            or len(self.packed) >= limits.MAX_ENVELOPE_RECORDS
            or len(self.holes) >= limits.MAX_ENVELOPE_HOLES
        )

    def encode(self, writer: str, experiment: str) -> bytes:
        """Return the envelope's bytes."""
        return encode_envelope(writer, self.record_class, self.first, self.packed, self.holes, experiment)

    def halves(self) -> tuple[Parcel, Parcel]:
        """Cut in two, for a broker that takes less than an envelope's limit. Needs two records."""
        middle = len(self.packed) // 2
        cut = self._index_of(middle)
        left, right = Parcel(self.record_class, self.first, cut), Parcel(self.record_class, cut, self.end)
        left.packed, right.packed = self.packed[:middle], self.packed[middle:]
        left.holes = [hole for hole in self.holes if hole.first < cut]
        right.holes = [hole for hole in self.holes if hole.first >= cut]
        for half in (left, right):
            half.size = sum(map(len, half.packed))
        return left, right

    def emptied(self) -> Parcel:
        """The same indexes with every record given up: the last resort for what no message can hold."""
        return Parcel(
            self.record_class, self.first, self.end, holes=[Hole(HoleName.DROPPED, self.first, self.end - self.first)]
        )

    def _index_of(self, nth: int) -> int:
        index = self.first + nth
        for hole in self.holes:
            if hole.first > index:
                break
            index += hole.count
        return index


def parcels(items: Iterable[Stored | Missing]) -> dict[RecordClass, list[Parcel]]:
    """Group what a reader gave into parcels per class, each class in the order of its indexes.

    One step a stretch of records, not one a record: this shares the interpreter with a trainer.
    """
    lists: dict[RecordClass, list[Parcel]] = {}
    for kind, kinds in groupby(items, type):
        for record_class, group in groupby(kinds, _class_of):
            queue = lists.setdefault(record_class, [])
            if kind is Stored:
                _add_records(queue, cast("list[Stored]", list(group)))
            else:
                for item in group:
                    _add_hole(queue, cast("Missing", item))
    return lists


def _add_records(queue: list[Parcel], items: list[Stored]) -> None:
    """Append consecutive records of one class."""
    packed = [item[2] for item in items]
    ends = list(accumulate(map(len, packed)))
    taken, before, index = 0, 0, items[0].index
    while taken < len(packed):
        if not queue or queue[-1].full(len(packed[taken])):
            queue.append(Parcel(items[0].record_class, index + taken, index + taken))
        parcel = queue[-1]
        room = limits.MAX_ENVELOPE_RECORDS - len(parcel.packed)
        # At least one, though it be larger than an envelope should become.
        fitting = bisect_right(ends, before + limits.ENVELOPE_TARGET_BYTES - parcel.size, taken)
        stop = min(max(fitting, taken + 1), taken + room)
        parcel.packed += packed[taken:stop]
        parcel.size += ends[stop - 1] - before
        parcel.end = index + stop
        taken, before = stop, ends[stop - 1]


def _add_hole(queue: list[Parcel], item: Missing) -> None:
    if not queue or queue[-1].full(0):
        queue.append(Parcel(item.record_class, item.hole.first, item.hole.first))
    queue[-1].holes.append(item.hole)
    queue[-1].end = item.hole.end
