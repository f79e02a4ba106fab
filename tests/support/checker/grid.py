"""Times of trackers that round them, brought back to what was logged.

All points of ``support.points`` lie on a grid of 1/64 s, wide enough that a millisecond says which one it was. What
lies further from the grid than the tracker's precision is left as it is, so that it counts as unexpected.
"""

from __future__ import annotations

from typing import Final

GRID: Final = 64  # a second
MILLISECOND: Final = 0.001


def snapped(time: float, precision: float = MILLISECOND) -> float:
    """Return the logged time that a tracker of this precision, in seconds, shows as ``time``."""
    nearest = round(time * GRID) / GRID
    return nearest if abs(nearest - time) <= precision else time
