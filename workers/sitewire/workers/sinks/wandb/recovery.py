"""From the segments of a run back to what it shows and how far it goes.

A segment says all that was before it: the client is given config, tags, definitions and summary when it opens one, and
the index of its first row has all positions. So the last segment that has a row is all that is read; one
whose owner died before its first row came into the file holds nothing that counts, and is removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.files import settle, sync_folder
from sitewire.workers.sinks.wandb.framing import LogReader
from sitewire.workers.sinks.wandb.index import IndexReader
from sitewire.workers.sinks.wandb.layout import segment_files
from sitewire.workers.sinks.wandb.records import Shown, row, take


@dataclass(slots=True)
class Recovered:
    """What the segments of a run hold.

    Attributes:
        positions: behind all rows.
        shown: what is to be seen beside them.
        summary: the same, as it was at the end.
        segment: the number of the last segment, 0 if there is none.
        next_row: the number of the next row.
    """

    positions: Mapping[StreamKey, Position] = field(default_factory=dict)
    shown: Shown = field(default_factory=Shown)
    summary: Mapping[str, Any] = field(default_factory=dict)
    segment: int = 0
    next_row: int = 0


def recover(place: Path, name: str) -> Recovered:
    """Read what the segments of a run hold, and make it durable. Nobody may be writing to them.

    Args:
        place: what ``wandb.init`` is given as ``dir``.
        name: W&B's id of the run.

    Raises:
        PlaceUnreadable: a segment is of another version, or not ours.
        OSError: the files cannot be read.
    """
    paths = segment_files(place, name)
    reached(Point.RUN_LISTED)
    if not paths:
        return Recovered()
    for folder in (place, place / "wandb"):
        sync_folder(folder)
    numbered = {path: _number(path) for path in paths}
    for path, number in numbered.items():
        if number is None:
            shutil.rmtree(path.parent)
    last = max(
        (path for path, number in numbered.items() if number), key=lambda path: numbered[path] or 0, default=None
    )
    if last is None:
        return Recovered()
    settle(last)
    sync_folder(last.parent)
    return _read(last)


def _number(path: Path) -> int | None:
    """Return a segment's number, 0 if damage hides it; None if no row of it has come into the file."""
    log = LogReader(path)
    try:
        for data in log.each():
            found = row(data)
            if found is not None:
                index = IndexReader()
                index.take(found[1])
                return index.segment
    except ValueError as error:
        raise _unreadable(path, error) from error
    return 0 if log.damaged else None


def _read(path: Path) -> Recovered:
    index, shown, next_row = IndexReader(), Shown(), 0
    try:
        for number, text in _rows(LogReader(path).each(), shown):
            next_row = number + 1
            if not index.take(text):
                break
        summary = shown.summary()
    except ValueError as error:
        raise _unreadable(path, error) from error
    return Recovered(index.positions, shown, summary, index.segment, next_row)


def _rows(records: Iterable[bytes], shown: Shown) -> Iterable[tuple[int, str]]:
    for data in records:
        found = row(data)
        if found is None:
            take(shown, data)
        else:
            yield found


def _unreadable(path: Path, error: ValueError) -> PlaceUnreadable:
    return PlaceUnreadable(f"{path}: {error}")
