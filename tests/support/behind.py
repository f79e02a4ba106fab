"""How far a tracker is behind its trainers: what a polling reader finds, against the trainers' journals."""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.beside import beside
from support.live import counting_points, folder_of
from support.product import Trainer


class Behind:
    """Looks again and again at the counts of points of some trainers' runs.

    Args:
        trainers: whose journals say what is logged.
        counts: return how many points of each the tracker shows now.
        interval: seconds between two looks.

    Attributes:
        most: seconds that the tracker was behind at the worst look, over all trainers.
        looks: how often it has looked.
    """

    def __init__(self, trainers: Sequence[Trainer], counts: Callable[[], Sequence[int]], interval: float = 0.1) -> None:
        self.most = 0.0
        self.looks = 0
        self._trainers = trainers
        self._counts = counts
        self._interval = interval
        self._times: list[float] = []
        self._logged: list[list[int]] = [[] for _ in trainers]
        self._stop = threading.Event()

    def watch(self) -> None:
        """Look until told to stop."""
        while not self._stop.wait(self._interval):
            self.look()

    def look(self) -> None:
        """Look once."""
        self._times.append(time.monotonic())
        for logged, trainer in zip(self._logged, self._trainers, strict=True):
            logged.append(trainer.journal.accepted)
        shown = self._counts()
        now = time.monotonic()
        self.most = max(self.most, *(now - self._covered(*pair) for pair in zip(self._logged, shown, strict=True)))
        self.looks += 1

    def stop(self) -> None:
        self._stop.set()

    def _covered(self, logged: Sequence[int], shown: int) -> float:
        """Return the last look at which no more was logged than is shown now."""
        before = bisect.bisect_right(logged, shown)
        return self._times[max(before - 1, 0)]


@contextmanager
def behind(trainers: Sequence[Trainer], counts: Callable[[], Sequence[int]]) -> Iterator[Behind]:
    """Look in a thread as long as the block runs."""
    watched = Behind(trainers, counts)
    with beside(watched.watch, watched.stop, "behind"):
        yield watched


def tensorboard_counts(logdir: Path, trainers: Sequence[Trainer]) -> Callable[[], Sequence[int]]:
    """Return what counts the points of runs as TensorBoard's reader finds them, reading on from look to look."""
    counts = [counting_points(folder_of(logdir, trainer.site, trainer.run)) for trainer in trainers]
    return lambda: [count() for count in counts]
