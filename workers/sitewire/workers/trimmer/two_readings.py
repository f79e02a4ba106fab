"""What two readings agree on. Pure.

A server of a cluster that was stopped, and goes on, takes itself for a stream's leader until it has heard that there is
another. What it says for that instant is old: a message that somebody needs is not there yet, a run that is parked is
not. A purge cannot be taken back, so in a cluster it rests on two readings that are further apart than that.
"""

from __future__ import annotations

import math
from typing import Final

APART: Final = 2.0
"""Seconds between two readings: leaders of NATS speak to their followers each second."""


class TwoReadings:
    """Up to which sequence nobody needed anything, then and now."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: the sequences may be another store's."""
        self._before, self._at = 0, -math.inf

    def agreed(self, most: int, now: float) -> int:
        """Return what a reading and one at least ``APART`` before it agree on; 0 if there is none yet.

        Args:
            most: the highest sequence that may go, by this reading.
            now: seconds of a clock that only rises.
        """
        if now - self._at < APART:
            return 0
        found = min(most, self._before) if self._at > -math.inf else 0
        self._before, self._at = most, now
        return found
