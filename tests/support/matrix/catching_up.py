"""How long the readers of the trackers take to show what is logged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from support.checker.tracker import Tracker
from support.matrix.lives import LivedRun

LOOK_INTERVAL: Final = 0.05  # seconds


class Eye:
    """Looks at one run in one tracker, reading on from look to look.

    Attributes:
        shown: counts the points that there are.
    """

    def __init__(self, run: LivedRun, tracker: Tracker, base: Path) -> None:
        self.run = run
        self.tracker = tracker
        self.shown = tracker.counted(base, run.key)

    def wait(self, count: int, deadline: float, logs: Callable[[], str]) -> None:
        """Wait until so many points are shown; ``deadline`` is a time of the monotonic clock."""
        while (shown := self.shown()) < count:
            # The end of a row judges too; this says what hung, while it hangs.
            assert time.monotonic() < deadline, f"{self.tracker} shows {shown} of {count}: {self.run.label}\n{logs()}"
            time.sleep(LOOK_INTERVAL)

    def wait_for_more(self, more: int, patience: float, logs: Callable[[], str]) -> None:
        """Wait until so many further points are shown; for ``patience`` seconds at most."""
        self.wait(self.shown() + more, time.monotonic() + patience, logs)


class CatchingUp:
    """The readers of all runs in all trackers.

    Attributes:
        seconds: how long each wait took that was measured.
        eyes: on each run in each tracker.
    """

    def __init__(self, runs: Iterable[LivedRun], trackers: Sequence[Tracker], base: Path) -> None:
        self.seconds: list[float] = []
        self.eyes = [Eye(run, tracker, base) for tracker in trackers for run in runs]

    def measure(self, patience: float, logs: Callable[[], str]) -> None:
        """Wait until all is shown that is logged by now, and take down how long that took."""
        due = [eye.run.due for eye in self.eyes]
        began = time.monotonic()
        for eye, count in zip(self.eyes, due, strict=True):
            eye.wait(count, began + patience, logs)
        self.seconds.append(time.monotonic() - began)

    def wait_for_more(self, more: int, patience: float, logs: Callable[[], str]) -> None:
        """Wait until so many further points of each run are shown."""
        wanted = [eye.shown() + more for eye in self.eyes]
        deadline = time.monotonic() + patience
        for eye, count in zip(self.eyes, wanted, strict=True):
            eye.wait(count, deadline, logs)
