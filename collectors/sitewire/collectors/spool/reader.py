"""The publisher's side of the spool: records and holes in the order in which they were logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from sitewire.collectors.spool import frame, segment
from sitewire.collectors.spool.cursor import Cursor
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.line import Line, Missing, Stored
from sitewire.collectors.spool.moment import Moment, uptime
from sitewire.collectors.spool.retention import Retention
from sitewire.collectors.spool.scan import Scan, Tail
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass

__all__ = ["Item", "Missing", "SpoolReader", "Stored", "unacknowledged"]

Item: TypeAlias = Stored | Missing

_READ_LIMIT: Final = 5000

_logger = logging.getLogger("sitewire.spool")


class SpoolReader:
    """Reads one writer's directory, in the writer's process or another. Used by one thread at a time.

    Opening and reading change nothing on the disk; ``save`` does, and only who holds the directory's draining
    lock may call it. Damage, missing files and a writer that dies meanwhile never stop it: each
    index comes out once, in a record or in a hole.

    Attributes:
        cursor: what is remembered between readers; the publisher's own two fields may be set in it.
    """

    def __init__(self, directory: WriterDirectory) -> None:
        self._directory = directory
        self._path: Path = directory.path
        self._file = directory.cursor_file
        self.cursor: Cursor = self._file.load()
        self._scan: Scan | None = None
        self._assigned = list(directory.state().assigned)
        self._begin()

    def _begin(self) -> None:
        """Start at the oldest segment that holds something unacknowledged."""
        published = self.cursor.published
        held = segment.numbers(self._path)
        start = 0
        for number in held:
            firsts = segment.read_header(self._path, number).firsts
            if firsts is not None and all(map(int.__le__, firsts, published)):
                start = number
        self.close()
        self._done = False
        self._number = start - 1
        self._line = Line(published)
        self._spare: list[Item] = []
        self._retention = Retention(self._path, (number for number in held if number < start), uptime())

    def read(self, limit: int) -> list[Item]:
        """Return up to ``limit`` items that follow; fewer, or none, if there are no more yet.

        Raises:
            OSError: the disk gives an error, or the file system has no locks.
        """
        items, self._spare = self._spare, []
        while len(items) < limit:
            if self._scan is not None:
                self._scan.take(self._line, items, limit)
                if len(items) >= limit or self._scan.refill():
                    continue
            if not self._proceed(items):
                break
        self._spare = items[limit:]
        return items[:limit]

    def acknowledge(self, record_class: RecordClass, next_index: int) -> None:
        """Note that the broker has stored everything of a class below ``next_index``."""
        number = CLASSES.index(record_class)
        self.cursor.published[number] = max(self.cursor.published[number], next_index)

    def save(self) -> None:
        """Bring the cursor to the disk and delete what need not be kept; in trouble it is only logged."""
        if not self.cursor.drained.wall and self._all_published():
            self.cursor.drained = Moment.now()
        try:
            self._file.save(self.cursor)
            self._retention.retire(self.cursor.published)
        except OSError as error:
            _logger.warning("%s: %s; what has been sent may be sent again", self._path, error)

    def rewind(self) -> None:
        """Go back to the oldest record that is held: everything from there on counts as not published.

        Never forward: what was dropped before anybody had sent it must still come out as a hole.
        """
        self.note_assigned(self._line.next)
        self.cursor.published = list(map(min, self.cursor.published, self._oldest()))
        self.cursor.drained = Moment()
        self._begin()

    def close(self) -> None:
        """Let go of the files."""
        if self._scan is not None:
            self._scan.close()
            self._scan = None

    @property
    def at_end(self) -> bool:
        """Whether the writer has ended or died, and everything of it has been read."""
        return self._done and not self._spare

    @property
    def published(self) -> dict[RecordClass, int]:
        """Per class the next index that the broker has not acknowledged."""
        return self._by_class(self.cursor.published)

    @property
    def assigned(self) -> dict[RecordClass, int]:
        """Per class the indexes given out, as far as that is known here."""
        self.note_assigned(self._line.next)
        return self._by_class(self._assigned)

    @property
    def held(self) -> dict[RecordClass, int]:
        """Per class the oldest index that could be sent again."""
        return self._by_class(self._oldest())

    def _all_published(self) -> bool:
        return self.at_end and all(map(int.__ge__, self.cursor.published, self._line.next))

    def _by_class(self, counts: Sequence[int]) -> dict[RecordClass, int]:
        """Name the counts, of the classes that have been logged to."""
        self.note_assigned(self._line.next)
        return {name: count for name, count, known in zip(CLASSES, counts, self._assigned, strict=True) if known}

    def note_assigned(self, counts: Sequence[int]) -> None:
        """Note how many indexes the writer has given out, per class in the order of ``CLASSES``, if that is more."""
        self._assigned = list(map(max, self._assigned, counts))

    def _oldest(self) -> Sequence[int]:
        for number in segment.numbers(self._path):
            header = segment.read_header(self._path, number)
            if header.begun:
                # A damaged header says nothing: from 0 on, and what is gone will be a hole.
                return header.firsts or [0] * len(CLASSES)
        return self.cursor.published

    def _proceed(self, items: list[Item]) -> bool:
        """Get past a place where no frame could be read; whether there may be more now.

        The order matters. What the writer says is asked first: whatever it had stored by then is seen by
        what looks afterwards.
        """
        if self._done:
            return False
        dead = not self._directory.is_alive()
        state = self._directory.state()
        self.note_assigned(state.assigned)
        final = dead or state.ended
        following = self._following(final=final)
        # Before anything is called missing, everything behind has been looked at.
        short = any(map(int.__lt__, self._line.next, state.assigned))
        complete = final or following is not None
        tail = Tail.EMPTY if self._scan is None else self._scan.probe(everything=complete or short)
        if tail is Tail.FRAME:
            return True
        if tail is Tail.DAMAGED or (tail is Tail.TORN and complete):
            self._line.mark_damage()
        if tail is Tail.DAMAGED:
            return True
        if following is not None:
            return self._enter(following, items)
        if tail is Tail.EMPTY or final:
            items.extend(self._line.skip_all(state.assigned))
        self._done = final
        return False

    def _following(self, *, final: bool) -> int | None:
        """Return the next segment that the writer has moved into."""
        damaged = None
        for number in segment.numbers(self._path):
            if number <= self._number:
                continue
            if self._has_begun(number, final=final):
                return number if damaged is None else damaged  # what lies before one that has begun, had
            if damaged is None and segment.read_header(self._path, number).begun:
                damaged = number
        return None

    def _has_begun(self, number: int, *, final: bool) -> bool:
        """Whether a segment is being written, or was. One with a damaged header may only have been prepared.

        A living writer is then believed to be in it when there is a frame: who left the one before too early would
        miss what is still written to it.
        """
        begun, firsts = segment.read_header(self._path, number)
        if not begun or firsts is not None or final:
            return begun
        data = segment.path_of(self._path, number).read_bytes()
        return frame.find(data, segment.HEADER_BYTES, frame.salts(self._path.name, number)) is not None

    def _enter(self, number: int, items: list[Item]) -> bool:
        try:
            scan = Scan(segment.path_of(self._path, number), frame.salts(self._path.name, number))
        except FileNotFoundError:  # dropped this very moment: on to the next
            return True
        if self._scan is not None:
            self._retention.left(self._number, self._line.next)
        self.close()
        self._scan, self._number = scan, number
        firsts = segment.read_header(self._path, number).firsts
        if firsts is not None:
            items.extend(self._line.skip_all(firsts))
            self._line.damaged.clear()
        return True


def unacknowledged(directory: WriterDirectory, most: int | None = None) -> int:
    """Count the indexes of a writer that no broker has acknowledged, holes included.

    Args:
        directory: whose.
        most: read about so many records and no more. Of those behind them it counts what the writer's page says,
            which a kill can leave half a second old.

    Raises:
        OSError: the disk gives an error.
    """
    reader = SpoolReader(directory)
    read = 0
    try:
        while (most is None or read < most) and (items := reader.read(_READ_LIMIT)):
            read += len(items)
        return sum(reader.assigned.values()) - sum(reader.published.values())
    finally:
        reader.close()
