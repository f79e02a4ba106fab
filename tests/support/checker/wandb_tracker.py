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
from support.wandb.reader import Run, Segment, points, read_runs, read_segment

LIST_INTERVAL: Final = 0.2  # seconds: a place of a long session has hundreds of directories, and a reader for each run


def replay(place: Path, key: RunKey) -> Story:
    """Return the points of a run in the order of its segments and rows."""
    return [item for run in read_runs(place).values() if _is(run, key) for item in _story(run.segments)]


def _is(run: Run, key: RunKey) -> bool:
    told = [segment.info for segment in run.segments if segment.info is not None]
    return bool(told) and (told[-1].run_group, told[-1].display_name) == (key.run, key.site)


def _story(segments: list[Segment]) -> Story:
    return [
        (point.name, Point(-1 if point.step is None else point.step, float32(point.value), snapped(point.time)))
        for segment in segments
        for row in segment.rows
        for point in points(row)
    ]


class Shelf:
    """All segments of a place, each read again only when its file has grown. For many threads."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._listed = -LIST_INTERVAL
        self._known: dict[Path, tuple[int, Segment]] = {}

    def find(self, key: RunKey) -> list[Segment]:
        """Return the segments of a run in the order in which they began."""
        with self._lock:
            if time.monotonic() > self._listed + LIST_INTERVAL:
                self._list()
            segments = [segment for _, segment in self._known.values() if _is(Run([segment]), key)]
        return sorted(segments, key=lambda segment: (segment.started, str(segment.path)))

    def _list(self) -> None:
        for path in self._place.glob("wandb/*run-*/run-*.wandb"):
            size = path.stat().st_size
            if self._known.get(path, (-1, None))[0] != size:
                self._known[path] = size, read_segment(path)
        self._listed = time.monotonic()


_shelves: dict[Path, Shelf] = {}


def watch(place: Path, key: RunKey) -> Callable[[], Found]:
    """Return what looks at a run again and again; the readers of a place share what they have read."""
    shelf = _shelves.setdefault(place, Shelf(place))
    return lambda: by_name(_story(shelf.find(key)))


WANDB: Final = Tracker(
    "wandb", "wandb", "{type: wandb, dir: wandb, mode: offline, flush_seconds: 0.3}", replay, None, watch
)
"""Offline."""
