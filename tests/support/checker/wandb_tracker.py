"""W&B as the checker reads it: the ``.wandb`` files of all segments, at rest and while they grow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sitewire.schemas.subject import RunKey
from support.checker.grid import snapped
from support.checker.tracker import Story, Tracker, by_name
from support.live import Found
from support.points import Point, float32
from support.wandb.reader import Row, Segment, points, take
from support.wandb.tail import Tail

LIST_INTERVAL: Final = 0.2  # seconds: a place of a long session has hundreds of directories, and a reader for each run


class File:
    """A segment's file, read on from look to look.

    Attributes:
        segment: what it holds, without its rows.
        story: their points, in their order.
    """

    def __init__(self, path: Path) -> None:
        self.segment = Segment(path)
        self.story: list[tuple[str, Point]] = []
        self._tail = Tail(path)

    def read(self) -> None:
        """Take what has come."""
        for record in self._tail.read():
            take(self.segment, record)
        for row in self.segment.rows:
            self.story += _points(row)
        self.segment.rows.clear()

    def belongs(self, key: RunKey) -> bool:
        """Whether it says that it is of a run."""
        info = self.segment.info
        return info is not None and (info.run_group, info.display_name) == (key.run, key.site)


def _points(row: Row) -> list[tuple[str, Point]]:
    return [
        (point.name, Point(-1 if point.step is None else point.step, float32(point.value), snapped(point.time)))
        for point in points(row)
    ]


class Shelf:
    """All segments of a place, for many readers in many threads; each byte is read once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._read = -LIST_INTERVAL
        self._files: dict[Path, File] = {}

    def count(self, key: RunKey) -> int:
        """Return how many points there are of a run; another reader's look just before will do."""
        with self._lock:
            if time.monotonic() > self._read + LIST_INTERVAL:
                self._look()
            return sum(len(file.story) for file in self._files.values() if file.belongs(key))

    def story(self, key: RunKey, *, now: bool = False) -> Story:
        """Return the points of a run in the order of its segments and rows.

        Args:
            key: the run.
            now: look at once; otherwise, what another reader saw just before will do.
        """
        with self._lock:
            if now or time.monotonic() > self._read + LIST_INTERVAL:
                self._look()
            files = [file for file in self._files.values() if file.belongs(key)]
            files.sort(key=lambda file: (file.segment.started, str(file.segment.path)))
            return [item for file in files for item in file.story]

    def _look(self) -> None:
        for path in self._place.glob("wandb/*run-*/run-*.wandb"):
            self._files.setdefault(path, File(path)).read()
        self._read = time.monotonic()


_shelves: dict[Path, Shelf] = {}


def replay(place: Path, key: RunKey) -> Story:
    """Return the points of a run in the order of its segments and rows."""
    return _shelf(place).story(key, now=True)


def watch(place: Path, key: RunKey) -> Callable[[], Found]:
    """Return what looks at a run again and again; the readers of a place share what they have read."""
    return lambda: by_name(_shelf(place).story(key))


def counting(place: Path, key: RunKey) -> Callable[[], int]:
    """Return what counts the points of a run."""
    return lambda: _shelf(place).count(key)


def _shelf(place: Path) -> Shelf:
    return _shelves.setdefault(place, Shelf(place))


WANDB: Final = Tracker(
    "wandb",
    "wandb",
    "{type: wandb, dir: wandb, mode: offline, flush_seconds: 0.3}",
    replay,
    watch=watch,
    count=counting,
    rate=400,
)
"""Offline."""
