"""What the processes and threads of a trial logged: a shared mapping, exact whenever one of them dies.

Each process or thread has a *lane* of its own, so nobody needs a lock.
"""

from __future__ import annotations

import mmap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

LANES: Final = 16
_FIELDS: Final = 3  # of a lane: attempted, accepted, sure
_READY, _GO, _ENDED = range(3)
_HEAD: Final = 3
_SIZE: Final = 8 * (_HEAD + LANES * _FIELDS)


@dataclass(frozen=True)
class Lane:
    """One process or thread.

    Attributes:
        attempted, accepted: log calls begun, and returned.
        sure: how many of the returned ones have to arrive: fewer than ``accepted`` where it went on into the end.
    """

    attempted: int
    accepted: int
    sure: int


class Ledger:
    """The mapping, as the trial's program and the test see it."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _SIZE)
        self._cells = memoryview(self._map).cast("Q")

    @classmethod
    def create(cls, path: Path) -> Self:
        """Begin with nothing."""
        path.write_bytes(bytes(_SIZE))
        return cls(path)

    @property
    def ready(self) -> bool:
        """Whether the program has logged its first part, and waits for the broker's state to change."""
        return bool(self._cells[_READY])

    def wait_for_go(self) -> None:
        """In the program: say so, and wait."""
        self._cells[_READY] = 1
        while not self._cells[_GO]:
            time.sleep(0.002)

    def go(self) -> None:
        """Let the program go on to its end."""
        self._cells[_GO] = 1

    @property
    def ended(self) -> float:
        """When the program began to end, in seconds of ``time.monotonic``; 0 if it has not."""
        return self._cells[_ENDED] / 1e9

    def begin(self, lane: int) -> None:
        """Note a log call that begins."""
        self._cells[self._at(lane)] += 1

    def done(self, lane: int) -> None:
        """Note that it has returned."""
        self._cells[self._at(lane) + 1] += 1

    def mark_end(self, *open_lanes: int) -> None:
        """Note that the end begins now; what other threads log into ``open_lanes`` from now on may come too late."""
        for lane in open_lanes:
            self._cells[self._at(lane) + 2] = self._cells[self._at(lane) + 1] + 1
        self._cells[_ENDED] = time.monotonic_ns()

    def lane(self, number: int) -> Lane:
        """Return what a lane has come to."""
        attempted, accepted, mark = self._cells[self._at(number) : self._at(number) + _FIELDS]
        return Lane(attempted, accepted, mark - 1 if mark else accepted)

    def close(self) -> None:
        """Let go of it."""
        self._cells.release()
        self._map.close()

    def _at(self, lane: int) -> int:
        return _HEAD + lane * _FIELDS
