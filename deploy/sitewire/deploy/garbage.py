"""Python's collector of cycles, set for a process that makes records by the hundred thousand and no cycles of them."""

from __future__ import annotations

import gc
from typing import Final

YOUNG_OBJECTS: Final = 100_000
"""Net allocations until the youngest objects are looked through. By default that is 700, so each envelope
of a thousand records was looked through, and moved on, several times: half of a worker's time (measured)."""


def collect_seldom() -> None:
    """Leave what the imports made out of every later collection, and look for cycles less often."""
    gc.collect()
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, middle, old)
