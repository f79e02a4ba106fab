"""A trap: the next process that reaches a named point is killed or stopped there, and who it was is known.

A file that all processes of a scene map: what is stored into it belongs to the kernel, so a SIGKILL in
the next instruction takes nothing back. One trap a scene, set again and again.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import signal
import struct
import threading
from pathlib import Path
from typing import Final, Self, TypeAlias

from sitewire.workers.point import Point
from support.checker.inside import Inside

_FORMAT: Final = struct.Struct("=QQQQ")
_POINT, _TIMES, _SIGNAL, _CAUGHT = range(4)
_NUMBERS: Final = {point: number for number, point in enumerate([*Point, *Inside], 1)}

Place: TypeAlias = Point | Inside
"""Where somebody can be caught."""


class Trap:
    """Set by the test, sprung in one process of many.

    Attributes:
        caught: the id of the process that is in it; 0 as long as there is none.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._cells = memoryview(mmap.mmap(self._descriptor, _FORMAT.size)).cast("Q")
        self._threads = threading.Lock()

    @classmethod
    def create(cls, path: Path) -> Self:
        """Make a trap that is not set."""
        path.write_bytes(bytes(_FORMAT.size))
        return cls(path)

    @property
    def caught(self) -> int:
        return self._cells[_CAUGHT]

    def set(self, point: Place, number: signal.Signals, times: int = 1) -> None:
        """Send ``number`` to the process that makes it ``times`` times that the point was reached, by whomever."""
        self.unset()
        self._cells[_TIMES], self._cells[_SIGNAL], self._cells[_CAUGHT] = times, number, 0
        self._cells[_POINT] = _NUMBERS[point]

    def unset(self) -> None:
        """Let everybody pass."""
        self._cells[_POINT] = 0

    def spring(self, point: Place) -> None:
        """What a process of the product calls at each point."""
        if self._cells[_POINT] == _NUMBERS[point] and self._is_our_turn(point):
            # To this thread: a stop is to take hold before the next instruction, in every thread.
            signal.pthread_kill(threading.get_ident(), self._cells[_SIGNAL])

    def _is_our_turn(self, point: Place) -> bool:
        with self._threads:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                if self._cells[_POINT] != _NUMBERS[point]:
                    return False
                self._cells[_TIMES] -= 1
                if self._cells[_TIMES]:
                    return False
                self._cells[_POINT], self._cells[_CAUGHT] = 0, os.getpid()
                return True
            finally:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
