"""Which acknowledged segments stay, so that a broker that lost its store can be refilled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from sitewire.collectors.spool import segment
from sitewire.collectors.spool.directory import HORIZON_SECONDS
from sitewire.collectors.spool.moment import uptime

RETAINED_BYTES: Final = 64 << 20
"""Of acknowledged segments, a writer."""


class Retention:
    """What one reader knows of the segments that it has left behind.

    Args:
        directory: the writer's.
        before: the numbers of those that were acknowledged when the reader began.
        since: when that was at the latest, on the clock of ``uptime``: one that is set would forget too early.
    """

    def __init__(self, directory: Path, before: Iterable[int], since: float) -> None:
        self._directory = directory
        self._ends: dict[int, tuple[int, ...]] = {}
        self._acknowledged: dict[int, float] = dict.fromkeys(before, since)

    def left(self, number: int, ends: Sequence[int]) -> None:
        """Note that a segment has been read to its end, where each class had come to ``ends``."""
        self._ends[number] = tuple(ends)

    def retire(self, published: Sequence[int]) -> None:
        """Delete what was acknowledged longer ago than the horizon, and the oldest beyond ``RETAINED_BYTES``."""
        now = uptime()
        for number, ends in list(self._ends.items()):
            if all(map(int.__le__, ends, published)):
                self._acknowledged[number] = now
                del self._ends[number]
        total = 0
        for number in sorted(self._acknowledged, reverse=True):
            path = segment.path_of(self._directory, number)
            with suppress(FileNotFoundError):  # the writer's keeper needed the room
                total += path.stat().st_size
                if total <= RETAINED_BYTES and now - self._acknowledged[number] <= HORIZON_SECONDS:
                    continue
                path.unlink()
            del self._acknowledged[number]
