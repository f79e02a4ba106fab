"""Workers that come and go under a high load: nothing is lost or doubled, and how long a point takes to be seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

import pytest

from support.checker.load import Finding, Load, load
from support.checker.scene import FULL, Scene, scene
from support.checker.tracker import TENSORBOARD
from support.product import until

RATE = 20_000  # records a second
PHASE = 20.0 if FULL else 3.0  # seconds
QUICK = replace(TENSORBOARD, look=None)  # so many points are not read twice
LOOK = 0.02  # seconds between two samples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 12 * PHASE)]


class Lag:
    """How long a point of the watched run takes from the log call to a live reader, which looks four times a second.

    Attributes:
        seconds: one for each look at what is logged.
    """

    def __init__(self, running: Load) -> None:
        self.seconds: list[float] = []
        self._journal, self._reader = running.trainers[0].journal, running.readers[0]
        self._times: list[float] = []
        self._accepted: list[int] = []
        self._seen = 0

    def sample(self, seconds: float) -> None:
        """Look for so long."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            self._times.append(now)
            self._accepted.append(self._journal.accepted)
            while self._seen < len(self._accepted) and self._accepted[self._seen] <= self._reader.points:
                self.seconds.append(now - self._times[self._seen])
                self._seen += 1
            time.sleep(LOOK)

    def __str__(self) -> str:
        parts = quantiles(self.seconds, n=100)
        return f"seen after {parts[49]:.2f} s (p50), {parts[98]:.2f} s (p99)"


def _wait_for_members(made: Scene, count: int) -> None:
    until(lambda: len(made.members()) == count, made.site.logs)


def test_one_worker_then_four_then_one_lose_and_double_nothing(
    tmp_path: Path, note: Callable[[object, Finding], Finding]
) -> None:
    # With the product's own leases: nobody dies here.
    with scene(tmp_path, trackers=(QUICK,), constants=()) as made:
        begin = time.monotonic()
        with load(made.site, made.trackers, "scaling", rate=RATE, watched=1, patience=120) as running:
            lag = Lag(running)
            for workers in (1, 4, 1):
                made.keep(workers)
                _wait_for_members(made, workers)
                lag.sample(PHASE)
            logged, seconds = sum(trainer.journal.accepted for trainer in running.trainers), time.monotonic() - begin
        delivered = time.monotonic() - begin
        case = f"1, 4, 1 workers, {logged / seconds:,.0f} records/s logged, all done after {delivered:.0f} s, {lag}"
        finding = note(case, running.finding)
        assert finding.exact, f"{finding}\n{made.site.logs()}"
