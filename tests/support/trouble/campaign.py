"""How much of a campaign is played: all of it in full, a sample drawn with a seed otherwise."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
SEED: Final = int(os.environ.get("SITEWIRE_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
"""``SITEWIRE_TEST_SEED`` plays a sample again."""

MEMORY: Final = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""A folder in memory, where there is one: a kill of a process leaves there what it leaves on a disk, and sooner."""

_T = TypeVar("_T")


def sample(every: Sequence[_T], count: int) -> list[_T]:
    """Return everything in full, otherwise the first, the last, and some between; the seed is printed."""
    if FULL or len(every) <= count:
        return list(every)
    print(f"SITEWIRE_TEST_SEED={SEED}")
    inner = random.Random(SEED).sample(every[1:-1], count - 2)
    return [every[0], *inner, every[-1]]


@contextmanager
def scratch(disk: Path) -> Iterator[Path]:
    """A folder in memory, if there can be one; in full it is on a disk."""
    folder = Path(tempfile.mkdtemp(dir=disk if FULL else MEMORY or disk, prefix="sitewire-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
