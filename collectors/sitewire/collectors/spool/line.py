"""The index lines of one writer as they are read: what comes next in each class, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sitewire.schemas.codec import CLASSES
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import RecordClass


class Stored(NamedTuple):
    """A record that is there.

    Attributes:
        record_class: its class.
        index: its index in it.
        packed: its bytes, as ``schemas.codec.pack_record`` gave them.
    """

    record_class: RecordClass
    index: int  # type: ignore[assignment]  # the field is wanted, tuple.index is not
    packed: bytes


class Missing(NamedTuple):
    """Indexes that no record will have.

    Attributes:
        record_class: their class.
        hole: which, how many and why.
    """

    record_class: RecordClass
    hole: Hole


class Line:
    """The indexes that have been read.

    Attributes:
        next: per class, in the order of ``CLASSES``, the next index to come.
        damaged: the classes of which a record may have been in the damaged bytes passed since their last one.
    """

    def __init__(self, start: Sequence[int]) -> None:
        self.next = list(start)
        self.damaged: set[int] = set()

    def mark_damage(self) -> None:
        """Damaged bytes have been passed: what turns out to be missing was in them."""
        self.damaged.update(range(len(CLASSES)))

    def skip(self, number: int, index: int) -> Missing:
        """Go on to ``index`` and return what is missing before it.

        Indexes that are jumped over with no damaged bytes between were never stored: dropped.
        """
        first = self.next[number]
        name = HoleName.DAMAGED if number in self.damaged else HoleName.DROPPED
        self.damaged.discard(number)
        self.next[number] = index
        return Missing(CLASSES[number], Hole(name, first, index - first))

    def skip_all(self, ends: Sequence[int]) -> list[Missing]:
        """Go on to ``ends`` in every class that is behind them."""
        return [self.skip(number, end) for number, end in enumerate(ends) if self.next[number] < end]
