"""A process that gets on in slices: stopped and let go by turns, as on a machine that has no time for it."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from support.beside import beside

STOPPED: Final = (0.02, 0.6)  # seconds, each drawn anew: the duty goes from hardly any to nearly all
GOING: Final = (0.005, 0.3)
LONG: Final = 4.0
"""Seconds of a stop behind which publishers have given up waiting for an answer, and send again."""

LONG_ONES: Final = 0.03  # of all stops


class Slices:
    """Stops and lets go of a process until told to stop.

    Attributes:
        stopped: seconds that it was stopped in all.
    """

    def __init__(self, pid: int, seed: int) -> None:
        self.stopped = 0.0
        self._pid = pid
        self._rng = random.Random(seed)
        self._end = threading.Event()

    def cut(self) -> None:
        """Go on until told to stop; the process goes on behind that in any case."""
        try:
            while not self._end.wait(self._rng.uniform(*GOING)):
                pause = LONG if self._rng.random() < LONG_ONES else self._rng.uniform(*STOPPED)
                os.kill(self._pid, signal.SIGSTOP)
                self._end.wait(pause)
                self.stopped += pause
                os.kill(self._pid, signal.SIGCONT)
        finally:
            os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        self._end.set()


@contextmanager
def in_slices(pid: int, seed: int) -> Iterator[Slices]:
    """Have a process get on in slices as long as the block runs; ``seed`` draws them."""
    slices = Slices(pid, seed)
    with beside(slices.cut, slices.stop, "slices"):
        yield slices
