"""The clock that leases run on. It counts the time that a machine sleeps: others have counted it too."""

from __future__ import annotations

import time
from typing import Final

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # not on macOS


def now() -> float:
    """Return seconds since some moment in the past; never goes back, and means nothing to another machine."""
    return time.clock_gettime(_CLOCK)
