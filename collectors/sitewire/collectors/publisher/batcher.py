"""What the spool gave, parcelled: one parcel becomes one envelope."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sitewire.collectors.spool.reader import Missing, Stored
from sitewire.schemas import limits
from sitewire.schemas.codec import encode_envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import RecordClass


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
    """Group what a reader gave into parcels per class, each class in the order of its indexes."""
    lists: dict[RecordClass, list[Parcel]] = {}
    for item in items:
        queue = lists.setdefault(item.record_class, [])
        if isinstance(item, Missing):
            _add_hole(queue, item)
            continue
        size = len(item.packed)
        if not queue or queue[-1].full(size):
            queue.append(Parcel(item.record_class, item.index, item.index))
        parcel = queue[-1]
        parcel.packed.append(item.packed)
        parcel.size += size
        parcel.end += 1
    return lists


def _add_hole(queue: list[Parcel], item: Missing) -> None:
    if not queue or queue[-1].full(0):
        queue.append(Parcel(item.record_class, item.hole.first, item.hole.first))
    queue[-1].holes.append(item.hole)
    queue[-1].end = item.hole.end
