"""Moments that stay what they were when somebody sets the machine's clock."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Self

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # not on macOS
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


def uptime() -> float:
    """Return seconds since the machine was started, its sleep too; never goes back, and nobody sets it."""
    return time.clock_gettime(_CLOCK)


@cache
def boot() -> int:
    """Return a number of this start of the machine, above 0; 0 if it is not known."""
    try:
        return zlib.crc32(_BOOT_ID.read_bytes()) + 1
    except OSError:
        return 0


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that another process may ask about, behind a restart of the machine too.

    Attributes:
        wall: seconds since the epoch, by the clock that people set; 0.0 for never.
        boot: of which start of the machine ``uptime`` counts; 0 if it is not known.
        uptime: seconds.
    """

    wall: float = 0.0
    boot: int = 0
    uptime: float = 0.0

    @classmethod
    def now(cls) -> Self:
        """Return this one."""
        return cls(time.time(), boot(), uptime())

    def is_past(self, seconds: float) -> bool:
        """Whether it was so long ago; never was not.

        Behind a restart there is only the clock that people set. Where that says that it is still to come, it was set
        back, and would say so for as long: it was long ago then too, if the machine runs for long enough to know.
        """
        if not self.wall:
            return False
        if self.boot and self.boot == boot():
            return uptime() - self.uptime >= seconds
        return abs(time.time() - self.wall) >= seconds and (not self.boot or uptime() >= seconds)
