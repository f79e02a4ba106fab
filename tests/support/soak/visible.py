"""How old the newest record is that a reader of a tracker sees, looked at now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from sitewire.schemas.subject import RunKey
from support.checker.mlflow_tracker import reading
from support.live import folder_of
from support.soak.plan import FEW
from support.soak.stage import Stage
from support.wandb.reader import Segment, take
from support.wandb.tail import Tail

_NEWEST: Final = """
SELECT max(m.timestamp) FROM latest_metrics AS m
JOIN tags AS s ON s.run_uuid = m.run_uuid AND s.key = 'sitewire.site' AND s.value = ?
JOIN tags AS r ON r.run_uuid = m.run_uuid AND r.key = 'sitewire.run' AND r.value = ?
"""


class Visible:
    """Looks at one run in each tracker, and reads no byte twice."""

    def __init__(self, stage: Stage) -> None:
        self._key = RunKey(stage.trainers[0].part.site, FEW)
        self._newest: dict[str, float] = {}
        self._looks: dict[str, Callable[[], float]] = {
            "tensorboard": _in_tensorboard(stage.site.logdir, self._key),
            "mlflow": _in_mlflow(stage.database, self._key),
            "wandb": _in_wandb(stage.site.folder / "wandb", self._key),
        }

    def ages(self) -> dict[str, float]:
        """Return, for each tracker that shows something, how many seconds ago its newest record was due."""
        found: dict[str, float] = {}
        for tracker, look in self._looks.items():
            self._newest[tracker] = max(look(), self._newest.get(tracker, 0.0))
            if self._newest[tracker]:
                found[tracker] = round(time.time() - self._newest[tracker], 3)
        return found


def _in_tensorboard(logdir: Path, key: RunKey) -> Callable[[], float]:
    loaders: dict[Path, Any] = {}

    def look() -> float:
        for path in sorted(folder_of(logdir, key.site, key.run).glob("*tfevents*")):
            loaders.setdefault(path, LegacyEventFileLoader(str(path)))
        events = (event for loader in loaders.values() for event in loader.Load())
        return max((event.wall_time for event in events if event.HasField("summary")), default=0.0)

    return look


def _in_mlflow(database: Path, key: RunKey) -> Callable[[], float]:
    def look() -> float:
        with reading(database) as connection:
            (newest,) = connection.execute(_NEWEST, (key.site, key.run)).fetchone()
        return (newest or 0) / 1000

    return look


def _in_wandb(place: Path, key: RunKey) -> Callable[[], float]:
    tails: dict[Path, Tail] = {}
    segments: dict[Path, Segment] = {}

    def look() -> float:
        newest = 0.0
        for path in place.glob("wandb/*run-*/run-*.wandb"):
            segment = segments.setdefault(path, Segment(path))
            if segment.info is not None and (segment.info.display_name, segment.info.run_group) != (key.site, key.run):
                continue
            for record in tails.setdefault(path, Tail(path)).read():
                take(segment, record)
            newest = max([newest, *(row.values["_timestamp"] for row in segment.rows)])
            segment.rows.clear()
        return newest

    return look
