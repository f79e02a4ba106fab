"""What is said of the runs of a partition that stand still and are not parked.

Such a run is in nobody's way, so it stays where it is, and its messages wait, or its end. Nothing else would show why.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from sitewire.workers.parked_run import MAX_REASON
from sitewire.workers.run_delivery import HANGS, RunDelivery
from sitewire.workers.way_back import MISSING

FAILS_AFTER: Final = 2.0  # seconds of failing; many a trouble is over sooner
LASTS: Final = 2.0  # seconds of an attempt that may go on for ever
PERIOD: Final = 1.0  # seconds between two words: each is a write


class Complaint:
    """Tells what stands still, when that has changed.

    Args:
        tell: told so; empty when nothing does any more.
        hangs: told whether an attempt of any of them has not come back for ``LASTS``, parked or not.
    """

    def __init__(self, tell: Callable[[str], None], hangs: Callable[[bool], None] = lambda _: None) -> None:
        self._tell = tell
        self._hangs = hangs
        self._hung = False
        self._told = ""
        self._due = 0.0

    def look(self, runs: Iterable[RunDelivery], patience: float) -> None:
        """Look at the runs, and tell if it is time.

        Args:
            runs: all of the partition.
            patience: seconds after which an attempt is taken for hanging, and what is missing for not coming soon.
        """
        now, runs = time.monotonic(), list(runs)
        self._look_for_hanging(runs, now)
        if now < self._due or (text := _text(runs, now, patience)) == self._told:
            return
        self._told, self._due = text, now + PERIOD
        self._tell(text)

    def _look_for_hanging(self, runs: Iterable[RunDelivery], now: float) -> None:
        hung = any(run.trouble.attempt is not None and now - run.trouble.attempt >= LASTS for run in runs)
        if hung != self._hung:
            self._hung = hung
            self._hangs(hung)


def _text(runs: Iterable[RunDelivery], now: float, patience: float) -> str:
    found = [
        (since, f"run {run.run_key.run} of site {run.run_key.site}: {reason[:MAX_REASON]}")
        for run in runs
        if not run.parked and (run.messages or run.concluding)
        for since, reason in _reasons(run, now, patience)
    ]
    if not found:
        return ""
    return min(found)[1] + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def _reasons(run: RunDelivery, now: float, patience: float) -> list[tuple[float, str]]:
    """Return since when a run stands still, and why; empty if it does not."""
    trouble = run.trouble
    if trouble.since is not None and now - trouble.since >= FAILS_AFTER:
        return [(trouble.since, trouble.text or HANGS)]
    for since, reason in ((trouble.attempt, HANGS), (run.missing_since, MISSING)):
        if since is not None and now - since >= patience:
            return [(since, reason)]
    return []
