"""Python's interpreter, set for a process that delivers: a loop that must not wait, beside threads that compute.

It makes records by the hundred thousand, and no cycles of them.
"""

from __future__ import annotations

import gc
import sys
from typing import Final

YOUNG_OBJECTS: Final = 100_000
"""Net allocations until the youngest objects are looked through. By default that is 700, so each envelope
of a thousand records was looked through, and moved on, several times: half of a worker's time (measured)."""

SWITCH_SECONDS: Final = 0.0001
"""How long a thread that computes keeps the interpreter when another one wants it; by default 5 ms.

Whoever does I/O gives it up each time, and waits so long to have it back. Beside one thread that computed, a loop that
answered itself over a socket came to 91 round trips a second in place of 18,000, beside six to 13; with a tenth of
a millisecond to 2,865 and 375 (measured). A worker's loop stood still when W&B's files were read anew.
"""


def tune_for_delivery() -> None:
    """Have the loop get its turn soon, and cycles looked for less often; leave what the imports made out of that."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    _, middle, old = gc.get_threshold()
    gc.set_threshold(YOUNG_OBJECTS, middle, old)
