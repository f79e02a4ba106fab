"""The seed of a campaign: a fresh one, or that which is to be played again."""

from __future__ import annotations

import os
from functools import cache
from random import SystemRandom
from typing import Final

SEED: Final = "SITEWIRE_TEST_SEED"

_said: Final = os.environ.get(SEED)
"""Read on import: the fixture of every test takes such variables away."""


@cache
def seed() -> int:
    """Return the seed of this process; a failed test and a line of figures say it."""
    return int(_said) if _said else SystemRandom().randrange(2**31)
