"""The model of a writer: what each index is, and so what a reader must find, byte for byte.

Every call into the writer gets the next index of its class, stored or not. What a call was to store follows from
its class, index and size alone, so a tape of calls is all that has to outlive a process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import msgpack

from sitewire.collectors.spool.reader import Item, Missing
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES, pack_record
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from support.trouble.tape import Entry, Tape

UNPACKABLE: Final = -1
"""A size: of a record that nothing can hold."""


class Said(IntEnum):
    """What a process says of itself on its tape."""

    CALLED = 1
    """A log call has begun: class, size."""
    RETURNED = 2
    """It has returned: class, whether it was stored, the segment that is being written."""
    ACKNOWLEDGED = 3
    """The reader was told that all below an index is stored: class, index."""
    SAVED = 4
    """What was acknowledged has been saved."""
    REWOUND = 5
    """Everything that is held is to be sent again."""
    FINISHED = 6
    """The writer has been told to finish."""
    UNAVAILABLE = 7
    """The writer could not begin, and said so."""


def record_of(record_class: RecordClass, index: int, size: int) -> Record | None:
    """Return the record of a class that has this index, of about ``size`` bytes; none if the class has no kind yet."""
    at, body = 1.7e9 + index, f"{index} " * (size // 2 + 1)
    name = "\ud800" if size == UNPACKABLE else f"{record_class} {index}"
    match record_class:
        case RecordClass.SCALARS:
            return Record(Kind.SCALAR, name + body[: min(size, 900)], index / 3, at, index)
        case RecordClass.RUN:
            return Record(Kind.TAG, name, body[:size], at)
        case RecordClass.MEDIA:
            return Record(Kind.TEXT, name, body[:size], at, index)
    return None


def packed_of(record_class: RecordClass, index: int, size: int) -> bytes:
    """Return the same as the bytes that a reader has to find; of a class to come, bytes that are as good as any."""
    record = record_of(record_class, index, size)
    if record is not None:
        return pack_record(record)
    packed: bytes = msgpack.packb((99, str(record_class), index, "x" * size))
    return packed


@dataclass(slots=True)
class Call:
    """One log call.

    Attributes:
        size: of what was to be stored.
        stored: whether the call said so; ``None`` if it has not returned.
        segment: which one was being written when it returned.
    """

    size: int
    stored: bool | None = None
    segment: int = -1


class Truth:
    """What one writer was told, and what was acknowledged of it.

    Attributes:
        calls: per class, by index.
        acknowledged: per class, what a reader was told is stored below, since it last went back to the begin.
        released: the same, ever: below it segments may be gone.
        saved: the same as it was when a save returned last.
        finished: whether the writer was told to finish.
        unavailable: whether it could not begin.
    """

    def __init__(self) -> None:
        self.calls: dict[RecordClass, list[Call]] = {name: [] for name in CLASSES}
        self.acknowledged = dict.fromkeys(CLASSES, 0)
        self.released = dict.fromkeys(CLASSES, 0)
        self.saved = dict.fromkeys(CLASSES, 0)
        self.finished = self.unavailable = False

    @classmethod
    def of(cls, tape: Tape) -> Truth:
        """Return what a tape says."""
        truth = cls()
        for entry in tape:
            truth.hear(entry)
        return truth

    def hear(self, entry: Entry) -> None:
        """Take in one entry."""
        said, number, second, third = entry
        name = CLASSES[number]
        match Said(said):
            case Said.CALLED:
                self.calls[name].append(Call(second))
            case Said.RETURNED:
                self.calls[name][-1].stored, self.calls[name][-1].segment = bool(second), third
            case Said.ACKNOWLEDGED:
                self.acknowledged[name] = max(self.acknowledged[name], second)
                self.released[name] = max(self.released[name], second)
            case Said.SAVED:
                self.saved = dict(self.acknowledged)
            case Said.REWOUND:
                self.acknowledged, self.saved = dict.fromkeys(CLASSES, 0), dict.fromkeys(CLASSES, 0)
            case Said.FINISHED:
                self.finished = True
            case Said.UNAVAILABLE:
                self.unavailable = True

    @property
    def stored(self) -> int:
        """How many calls said that their record is stored."""
        return sum(bool(call.stored) for calls in self.calls.values() for call in calls)

    def check(
        self,
        items: Iterable[Item],
        starts: Mapping[RecordClass, int],
        *,
        held: Collection[int],
        dropping: bool = False,
        damaged: Collection[tuple[RecordClass, int]] = (),
        named: bool = True,
    ) -> dict[RecordClass, int]:
        """Assert that each item is what its index has to be, in order, and return where each class ends.

        Args:
            items: as they were read.
            starts: per class, where reading began.
            held: the segments that are there.
            dropping: the policy may take segments that nobody has acknowledged.
            damaged: what may be missing because its bytes were damaged.
            named: such a hole must be called so: the bytes are there, and are no record.
        """
        ends = {name: starts.get(name, 0) for name in CLASSES}
        for item in items:
            name = item.record_class
            if isinstance(item, Missing):
                assert item.hole.count > 0, item
                assert item.hole.first == ends[name], (item, ends)
                ends[name] = item.hole.end
                for index in range(item.hole.first, item.hole.end):
                    call = self._call(name, index)
                    if call.stored and (name, index) in damaged:
                        assert item.hole.name is HoleName.DAMAGED or not named, item
                    elif call.stored:
                        gone = call.segment not in held and (dropping or index < self.released[name])
                        assert gone, f"lost: {name} {index} of segment {call.segment}, {item}, there are {held}"
            else:
                assert item.index == ends[name], (item.record_class, item.index, ends)
                ends[name] = item.index + 1
                call = self._call(name, item.index)
                assert call.stored is not False, f"{name} {item.index} was refused and is there"
                assert item.packed == packed_of(name, item.index, call.size), item
        return ends

    def check_end(self, ends: Mapping[RecordClass, int], *, counted: bool = True) -> None:
        """Assert that classes end where they must: behind the last call that returned, or behind the one that has not.

        Args:
            ends: where they do end.
            counted: what was not stored at the very end has been counted too.
        """
        for name, calls in self.calls.items():
            most = least = len(calls)
            if calls and calls[-1].stored is None:
                least -= 1
            while not counted and least and not calls[least - 1].stored:
                least -= 1
            assert least <= ends[name] <= most, f"{name} ends at {ends[name]}, not at {least} to {most}"

    def _call(self, name: RecordClass, index: int) -> Call:
        assert index < len(self.calls[name]), f"invented: {name} {index}"
        return self.calls[name][index]


class Logger:
    """Logs to a writer, and says so on a tape."""

    def __init__(self, writer: SpoolWriter, tape: Tape) -> None:
        self.writer = writer
        self._tape = tape
        self._counts = [0] * len(CLASSES)

    def log(self, record_class: RecordClass, size: int = 10) -> bool:
        """Log the class's next record; whether it is stored."""
        number = CLASSES.index(record_class)
        index = self._counts[number]
        self._tape.say(Said.CALLED, number, size)
        self._counts[number] += 1
        stored = self._append(record_class, index, size)
        self._tape.say(Said.RETURNED, number, stored, self.writer._segment.number)
        return stored

    def _append(self, record_class: RecordClass, index: int, size: int) -> bool:
        record = record_of(record_class, index, size)
        if record is None:
            packed = None if size == UNPACKABLE else packed_of(record_class, index, size)
            return self.writer._append(CLASSES.index(record_class), packed)
        if record.kind is Kind.SCALAR:
            return self.writer.append_scalar(record.name, index / 3, record.time, record.step)
        return self.writer.append(record)

    def finish(self) -> None:
        """End the writer."""
        self._tape.say(Said.FINISHED)
        self.writer.finish()
