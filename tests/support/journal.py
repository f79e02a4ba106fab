"""A trainer's own log: how many log calls it began and how many returned, exact whenever it is killed.

A shared mapping: what was stored into it belongs to the kernel, and a SIGKILL takes nothing back.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Self

_FORMAT = struct.Struct("=QQQ")


class Journal:
    """Counters in a file, shared with the trainer.

    Attributes:
        attempted: log calls that were begun.
        accepted: log calls that returned.
        stopping: set by the test: the trainer is to log no more, and to end.
    """

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _FORMAT.size)
        self._counters = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls, path: Path) -> Self:
        """Begin with zeros."""
        path.write_bytes(bytes(_FORMAT.size))
        return cls(path)

    @property
    def attempted(self) -> int:
        return self._counters[0]

    @attempted.setter
    def attempted(self, count: int) -> None:
        self._counters[0] = count

    @property
    def accepted(self) -> int:
        return self._counters[1]

    @accepted.setter
    def accepted(self, count: int) -> None:
        self._counters[1] = count

    @property
    def stopping(self) -> bool:
        return bool(self._counters[2])

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._counters[2] = value
