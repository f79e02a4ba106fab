"""All points of a run, one after another, as each tracker's readers have them; never a whole run in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from crc32c import crc32c
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

from sitewire.schemas.subject import RunKey
from support.checker.mlflow_tracker import reading
from support.live import folder_of
from support.wandb.framing import read_records
from support.wandb.reader import Segment, points, take


class Stored(NamedTuple):
    """A point as a tracker has it; ``time`` in seconds since the epoch."""

    name: str
    step: int
    value: float
    time: float


_POINTS: Final = """
SELECT m.key, m.step, m.value, m.timestamp FROM metrics AS m
JOIN tags AS s ON s.run_uuid = m.run_uuid AND s.key = 'sitewire.site' AND s.value = ?
JOIN tags AS r ON r.run_uuid = m.run_uuid AND r.key = 'sitewire.run' AND r.value = ?
"""


def in_tensorboard(logdir: Path, key: RunKey) -> Iterator[Stored]:
    """Yield the points in the order in which they were written, by TensorBoard's loader.

    Its checksum is Python, and two thirds of its time; the same one in C takes its place.
    """
    pywrap_tensorflow.crc32c = crc32c
    for path in sorted(folder_of(logdir, key.site, key.run).glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    yield Stored(value.tag, event.step, value.simple_value, event.wall_time)


def in_mlflow(database: Path, key: RunKey) -> Iterator[Stored]:
    """Yield the points by name and time: MLflow keeps no other order."""
    with reading(database) as connection:
        for name, step, value, milliseconds in connection.execute(_POINTS, (key.site, key.run)):
            yield Stored(name, step, value, milliseconds / 1000)


def in_wandb(files: Mapping[RunKey, list[Path]], key: RunKey) -> Iterator[Stored]:
    """Yield the points in the order of segments and rows."""
    for path in files[key]:
        segment = Segment(path)
        for record in read_records(path):
            take(segment, record)
            for row in segment.rows:
                for point in points(row):
                    yield Stored(point.name, -1 if point.step is None else point.step, point.value, point.time)
            segment.rows.clear()


def wandb_files(place: Path) -> dict[RunKey, list[Path]]:
    """Return the segments' files of each run, in the order in which they began."""
    found: dict[RunKey, list[Segment]] = {}
    for path in place.glob("wandb/*run-*/run-*.wandb"):
        segment = Segment(path)
        for record in read_records(path):
            take(segment, record)
            if segment.info is not None:
                found.setdefault(RunKey(segment.info.display_name, segment.info.run_group), []).append(segment)
                break
    return {
        key: [segment.path for segment in sorted(segments, key=lambda one: one.started)]
        for key, segments in found.items()
    }
