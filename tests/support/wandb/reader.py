"""What W&B's files hold: segments, and the runs that they make up.

A *segment* is a directory that one ``wandb.init`` made; the segments of a run follow one another in the order in which
they began, as ``wandb sync`` sends them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.wandb.framing import read_records

AXIS = "sitewire/step"
BESIDE = {AXIS: "step", "sitewire/round": "round", "sitewire/epoch": "epoch", "sitewire/context": "context"}
"""Columns that say of a row where it stands, and are no point of their own."""


@dataclass(frozen=True)
class Row:
    """One history row.

    Attributes:
        number: W&B's own step.
        values: by key, as JSON gives them; NaN and infinities are the texts that W&B writes.
    """

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One value of a row, and where the row stands.

    Attributes:
        time: the row's, in seconds since the epoch.
    """

    name: str
    value: Any
    time: float
    step: int | None = None
    round: int | None = None
    epoch: int | None = None
    context: str | None = None


@dataclass
class Segment:
    """What one ``.wandb`` file holds.

    Attributes:
        path: the file.
        info: the client's record of the run as it was said last (``run_id``, ``display_name``, ``project``,
            ``run_group``, ``job_type``, ``notes``, ``tags``); None if it is not there.
        started: seconds since the epoch.
        config, summary: as they stand at the file's end.
        definitions: by name or glob, the last metric record.
        exit: the exit code; None if the run was not finished.
    """

    path: Path
    info: Any = None
    started: float = 0.0
    rows: list[Row] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, Any] = field(default_factory=dict)
    exit: int | None = None


@dataclass
class Run:
    """Segments of one id, in the order in which they began; what was said last counts."""

    segments: list[Segment]

    @property
    def info(self) -> Any:
        """The client's record of the run, of the last segment that has one."""
        return [segment.info for segment in self.segments if segment.info is not None][-1]

    @property
    def rows(self) -> list[Row]:
        """All rows in their order."""
        return [row for segment in self.segments for row in segment.rows]

    @property
    def points(self) -> list[Point]:
        """All points in their order."""
        return [point for row in self.rows for point in points(row)]

    @property
    def config(self) -> dict[str, Any]:
        """The config without W&B's own part."""
        whole = {key: value for segment in self.segments for key, value in segment.config.items()}
        return {key: value for key, value in whole.items() if key != "_wandb"}

    @property
    def summary(self) -> dict[str, Any]:
        """The summary with what W&B takes into it by itself."""
        return {key: value for segment in self.segments for key, value in segment.summary.items()}

    @property
    def tags(self) -> list[str]:
        """Labels of the run."""
        return list(self.info.tags)

    @property
    def definitions(self) -> dict[str, Any]:
        """How metrics are shown, by name or glob."""
        return {key: value for segment in self.segments for key, value in segment.definitions.items()}

    @property
    def exit(self) -> int | None:
        """The exit code, None while the run has none."""
        return self.segments[-1].exit


def read_runs(place: Path) -> dict[str, Run]:
    """Read all runs of a directory that ``wandb.init(dir=...)`` was given, by their ids."""
    found: dict[str, list[Segment]] = {}
    for path in sorted(place.glob("wandb/*run-*/run-*.wandb")):
        segment = read_segment(path)
        found.setdefault(path.stem.removeprefix("run-"), []).append(segment)
    return {name: Run(sorted(segments, key=_order)) for name, segments in found.items()}


def read_segment(path: Path) -> Segment:
    """Read one file, up to its tear."""
    segment = Segment(path)
    for record in read_records(path):
        take(segment, record)
    return segment


def take(segment: Segment, record: Any) -> None:
    """Put the next of the client's records into what is known of a segment."""
    kind = record.WhichOneof("record_type")
    if kind in _TAKE:
        _TAKE[kind](segment, getattr(record, kind))


def points(row: Row) -> Iterator[Point]:
    """Yield the values of a row that are somebody's: keys that begin with ``_`` are W&B's or ours."""
    beside = {BESIDE[key]: value for key, value in row.values.items() if key in BESIDE}
    for key, value in row.values.items():
        if key not in BESIDE and not key.startswith("_"):
            yield Point(key, value, row.values["_timestamp"], **beside)


def _order(segment: Segment) -> tuple[float, str]:
    return segment.started, str(segment.path)


def _take_run(segment: Segment, said: Any) -> None:
    segment.info = said
    segment.started = said.start_time.seconds + said.start_time.nanos / 1e9
    segment.config.update(_items(said.config.update))


def _take_config(segment: Segment, said: Any) -> None:
    segment.config.update(_items(said.update))


def _take_summary(segment: Segment, said: Any) -> None:
    segment.summary.update(_items(said.update))


def _take_history(segment: Segment, said: Any) -> None:
    segment.rows.append(Row(said.step.num, dict(_items(said.item))))


def _take_metric(segment: Segment, said: Any) -> None:
    segment.definitions[said.name or said.glob_name] = said


def _take_exit(segment: Segment, said: Any) -> None:
    segment.exit = said.exit_code


_TAKE = {
    "run": _take_run,
    "config": _take_config,
    "summary": _take_summary,
    "history": _take_history,
    "metric": _take_metric,
    "exit": _take_exit,
}


def _items(items: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for item in items:
        yield item.key or ".".join(item.nested_key), _decoder.decode(item.value_json)


def _number(text: str) -> int | float:
    return -0.0 if text == "-0" else int(text)


_decoder = json.JSONDecoder(parse_int=_number)  # made once: `json.loads` would make one for each value
