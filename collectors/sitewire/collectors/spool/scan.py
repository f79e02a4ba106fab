"""One segment, read frame by frame while it may still be written.

Read with ``pread``, not through a map: the same code serves both kinds of storage, a segment that is deleted
meanwhile can be read to its end, and one that somebody truncates is no SIGBUS.
"""

from __future__ import annotations

import os
from enum import Enum, auto
from pathlib import Path
from typing import Final
from zlib import crc32

from sitewire.collectors.spool import frame
from sitewire.collectors.spool.frame import CLASS_COUNT, HEAD, HEAD_BYTES, MARKER, PRIME, Salts
from sitewire.collectors.spool.line import Line, Missing, Stored
from sitewire.collectors.spool.segment import HEADER_BYTES
from sitewire.schemas.codec import CLASSES

_CHUNK_BYTES: Final = 64 * 1024
_WINDOW_BYTES: Final = frame.MAX_FRAME_BYTES + _CHUNK_BYTES
"""Where a damaged frame's successor begins, whatever its length was, with room for most successors."""


class Tail(Enum):
    """What stands where no frame could be read."""

    FRAME = auto()
    """A frame after all: it was being written."""
    DAMAGED = auto()
    """Damaged bytes, which have been passed: a frame stands behind them."""
    TORN = auto()
    """Bytes that are no frame, and no frame behind them."""
    EMPTY = auto()
    """Nothing yet."""


class Scan:
    """A position in a segment.

    Raises:
        FileNotFoundError: it has been deleted.
    """

    def __init__(self, path: Path, salts: Salts) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._salts = salts
        self._base = HEADER_BYTES
        self._buffer = b""
        self._offset = 0

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def take(self, line: Line, items: list[Stored | Missing], limit: int) -> None:
        """Append the frames at the position until there are ``limit`` items or no whole frame is in the buffer.

        The publisher's hot loop, and it shares the interpreter with a trainer: everything is local, and
        ``frame.check`` is written out.
        """
        buffer, offset, salts = self._buffer, self._offset, self._salts
        nexts, damaged, classes = line.next, line.damaged, CLASSES
        unpack, make, append = HEAD.unpack_from, tuple.__new__, items.append
        last = len(buffer) - HEAD_BYTES
        room = limit - len(items)
        while room > 0 and offset <= last:
            marker, length, crc, number, index = unpack(buffer, offset)
            end = offset + HEAD_BYTES + length
            if marker != MARKER or end - HEAD_BYTES > last or number >= CLASS_COUNT:
                break
            packed = buffer[offset + HEAD_BYTES : end]
            if crc32(packed, index % PRIME + salts[number]) != crc:
                break
            if index > nexts[number]:
                append(line.skip(number, index))
                room -= 1
                continue  # the frame itself is next
            offset = end
            if index == nexts[number]:  # below: acknowledged before the reader was opened
                nexts[number] = index + 1
                append(make(Stored, (classes[number], index, packed)))
                room -= 1
                if damaged:
                    damaged.discard(number)
        self._offset = offset

    def refill(self) -> bool:
        """Read on from the position; whether a whole frame stands there."""
        self._read(_CHUNK_BYTES)
        need = frame.needed(self._buffer)
        if need > len(self._buffer):
            self._read(need)
        return frame.check(self._buffer, 0, self._salts) is not None

    def probe(self, *, everything: bool) -> Tail:
        """Find out what stands where no frame could be read.

        Args:
            everything: look at the whole rest of the segment for a frame, not only where one would be usual.
        """
        if self.refill():
            return Tail.FRAME
        empty = not any(self._buffer[:HEAD_BYTES])
        if everything:
            self._read(os.fstat(self._fd).st_size)
        elif not empty:
            self._read(_WINDOW_BYTES)
        found = frame.find(self._buffer, 1, self._salts)
        if found is None:
            return Tail.EMPTY if empty and self._buffer == bytes(len(self._buffer)) else Tail.TORN
        # Frames are written in order, so by now the one here has been too, if it ever was.
        if self.refill():
            return Tail.FRAME
        self._base += found
        self._buffer = b""
        return Tail.DAMAGED

    def _read(self, size: int) -> None:
        self._base += self._offset
        self._offset = 0
        self._buffer = os.pread(self._fd, size, self._base)
