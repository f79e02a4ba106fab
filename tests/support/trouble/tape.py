"""What a process has said so far, in memory that it shares with its parent: a SIGKILL takes nothing back."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import Final

_COUNT: Final = struct.Struct("=Q")
_ENTRY: Final = struct.Struct("=qqqq")
_BYTES: Final = 32 << 20  # taken from the machine only as far as it is written

Entry = tuple[int, int, int, int]


class Tape:
    """A list of entries of four integers. Made before the fork; one process writes."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, _BYTES)

    def __len__(self) -> int:
        count: int = _COUNT.unpack_from(self._map)[0]
        return count

    def __iter__(self) -> Iterator[Entry]:
        for number in range(len(self)):
            first, second, third, fourth = _ENTRY.unpack_from(self._map, _COUNT.size + number * _ENTRY.size)
            yield first, second, third, fourth

    def say(self, first: int, second: int = 0, third: int = 0, fourth: int = 0) -> None:
        """Add an entry. The count comes last: who dies in between has not said it."""
        count = len(self)
        _ENTRY.pack_into(self._map, _COUNT.size + count * _ENTRY.size, first, second, third, fourth)
        _COUNT.pack_into(self._map, 0, count + 1)

    def put(self, number: int) -> None:
        """Have this number stand alone on the tape: the last to put one is the one that stands there."""
        _ENTRY.pack_into(self._map, _COUNT.size, number, 0, 0, 0)

    @property
    def held_by(self) -> int:
        """The number that was put last; 0 if none was."""
        number: int = _ENTRY.unpack_from(self._map, _COUNT.size)[0]
        return number

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()
