"""How long the readers of the trackers take to show what is logged."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from support.checker.tracker import Tracker
from support.matrix.lives import LivedRun

LOOK_INTERVAL: Final = 0.05  # seconds
BEGINNING: Final = 120.0  # seconds for the start of everything, which takes a few on an idle machine


class Eye:
    """Looks at one run in one tracker, reading on from look to look.

    Attributes:
        shown: counts the points that there are.
    """

    def __init__(self, run: LivedRun, tracker: Tracker, base: Path) -> None:
        self.run = run
        self.tracker = tracker
        self.shown = tracker.counted(base, run.key)

    def lacks(self, count: int, deadline: float) -> str:
        """Wait until so many points are shown; say what is not there at the deadline, a time of the monotonic clock."""
        while (shown := self.shown()) < count:
            if time.monotonic() > deadline:
                return f"{self.tracker} has shown {shown} of {count} points of {self.run.label} in time"
            time.sleep(LOOK_INTERVAL)
        return ""


class CatchingUp:
    """The readers of all runs in all trackers.

    Args:
        runs, trackers, base: what they read, and the folder of the config file.
        patience: seconds for what is waited for; what begins is waited for longer.

    Attributes:
        seconds: how long each wait took that was measured.
        eyes: on each run in each tracker.
        complaints: what did not come in time; nothing is waited for after the first.
    """

    def __init__(self, runs: Iterable[LivedRun], trackers: Sequence[Tracker], base: Path, patience: float) -> None:
        self.seconds: list[float] = []
        self.eyes = [Eye(run, tracker, base) for tracker in trackers for run in runs]
        self.complaints: list[str] = []
        self._patience = patience

    def begin(self, count: int) -> None:
        """Wait until so many points of each run are shown, for the first time."""
        self._wait([(eye, count) for eye in self.eyes], max(self._patience, BEGINNING))

    def measure(self) -> None:
        """Wait until all is shown that is logged by now, and take down how long that took."""
        due = [eye.run.due for eye in self.eyes]
        began = time.monotonic()
        self._wait(zip(self.eyes, due, strict=True), self._patience)
        if not self.complaints:  # what was not waited for to the end was not measured
            self.seconds.append(time.monotonic() - began)

    def wait_for_more(self, more: int, eyes: Sequence[Eye] = ()) -> None:
        """Wait until so many further points of each run are shown, to all eyes if none are named."""
        self._wait([(eye, eye.shown() + more) for eye in eyes or self.eyes], self._patience)

    def _wait(self, wanted: Iterable[tuple[Eye, int]], patience: float) -> None:
        deadline = time.monotonic() + patience
        for eye, count in wanted:
            if not self.complaints and (lack := eye.lacks(count, deadline)):
                self.complaints.append(lack)
