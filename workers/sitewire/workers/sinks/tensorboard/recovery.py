"""From the files of a run back to its positions.

Only one file of a folder is read: the last with a complete first marker, which says all that was committed before;
and of its markers those count that follow the last whole one.
Batches are committed one after another, and after a failure the next owner begins new files, whose first markers
hold what it found; so only the batch with the highest number can be torn. Of each of its files the events up to the
tear are there, and positions move over what is there without a gap. What lies beyond the gap, in the file of another
series, is ``ahead``: it is not written a second time.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import cycle
from operator import or_
from pathlib import Path

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.files import settle, sync_folder
from sitewire.workers.sinks.progress import advanced
from sitewire.workers.sinks.tensorboard.events import event_tag, marker_text
from sitewire.workers.sinks.tensorboard.framing import read_frames
from sitewire.workers.sinks.tensorboard.layout import our_files
from sitewire.workers.sinks.tensorboard.marker import Marker, Slice, decode_marker, is_whole
from sitewire.workers.sinks.tensorboard.session import Session


@dataclass(slots=True)
class FileIndex:
    """The markers of one file from the last whole one on, and the events behind the last of them."""

    markers: list[Marker]
    tail: list[bytes]

    def slices(self) -> Iterator[tuple[Marker, list[Slice]]]:
        """Yield each marker with what the file holds of it: all, but of the last perhaps less."""
        for marker in self.markers[:-1]:
            yield marker, list(marker.slices)
        if self.markers:
            yield self.markers[-1], list(_cut(self.markers[-1].slices, len(self.tail)))

    def counters(self) -> dict[str, int]:
        """Return, per tag, the step of the next record that has none."""
        values = {tag: before + count for m in self.markers for tag, (before, count) in m.counters.items()}
        last = self.markers[-1]
        if len(self.tail) < last.events:
            values.update({tag: before for tag, (before, _) in last.counters.items()})
            for data in _stepless(self.tail, last.steps):
                values[event_tag(data)] += 1
        return values

    def session(self) -> Session:
        """Return what is known of the folder's session."""
        return reduce(or_, (marker.session for marker in self.markers), Session())


@dataclass(slots=True)
class Recovered:
    """What the files of a run hold.

    Attributes:
        positions: over all that is there without a gap.
        ahead: indexes beyond their position that are events already.
        counters: per folder and tag, the step of the next record without one.
        sessions: per folder, what is known of its session.
        batch: the highest number seen.
    """

    positions: dict[StreamKey, Position] = field(default_factory=dict)
    ahead: dict[StreamKey, set[int]] = field(default_factory=dict)
    counters: dict[Path, dict[str, int]] = field(default_factory=dict)
    sessions: dict[Path, Session] = field(default_factory=dict)
    batch: int = 0


def recover(folder: Path, logdir: Path) -> Recovered:
    """Read what the files of a run hold, and make it durable.

    Args:
        folder: the run's.
        logdir: above it; folders' names are made durable up to here.

    Raises:
        PlaceUnreadable: a marker is of another version.
        OSError: the files cannot be read.
    """
    found = Recovered()
    batches: dict[int, list[tuple[Marker, list[Slice]]]] = {}
    for path in _folders(folder, logdir):
        index = _last_index(path)
        if index is None:
            continue
        found.counters[path] = index.counters()
        found.sessions[path] = index.session()
        for marker, slices in index.slices():
            batches.setdefault(marker.batch, []).append((marker, slices))
    _fold(found, batches)
    return found


def read_index(path: Path) -> FileIndex:
    """Read the markers of a file.

    Raises:
        PlaceUnreadable: one is of another version.
        OSError: the file cannot be read.
    """
    texts: list[str] = []
    tail: list[bytes] = []
    with path.open("rb", buffering=0) as file:
        for data in read_frames(file):
            text = marker_text(data)
            if text is None:
                tail.append(data)
                continue
            tail.clear()
            if is_whole(text):
                texts.clear()
            texts.append(text)
    return FileIndex([_decode(path, text) for text in texts], tail)


def _decode(path: Path, text: str) -> Marker:
    try:
        return decode_marker(text)
    except ValueError as error:
        msg = f"{path}: {error}"
        raise PlaceUnreadable(msg) from error


def _folders(folder: Path, logdir: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for above in (logdir, *reversed(folder.relative_to(logdir).parents)):
        sync_folder(logdir / above)
    for path, _, _ in os.walk(folder, onerror=_raise):
        sync_folder(Path(path))
        yield Path(path)


def _raise(error: OSError) -> None:
    raise error


def _last_index(folder: Path) -> FileIndex | None:
    paths = our_files(folder)
    reached(Point.RUN_LISTED)
    for path in paths:
        settle(path)
        index = read_index(path)
        if index.markers:
            return index
    return None


def _fold(found: Recovered, batches: dict[int, list[tuple[Marker, list[Slice]]]]) -> None:
    there: dict[StreamKey, list[Slice]] = {}
    for batch in sorted(batches):
        entries = batches[batch]
        if any(marker.whole for marker, _ in entries):
            found.positions.clear()
            there.clear()
        for marker, slices in entries:
            _raise_positions(found.positions, marker.before)
            for item in (*_ahead_slices(marker), *slices):
                there.setdefault(item.key, []).append(item)
        for key, slices in there.items():
            found.positions[key], there[key] = _advance(found.positions[key], slices)
    found.ahead = {
        key: {index for item in slices if item.events for index in range(item.first, item.end)}
        for key, slices in there.items()
        if any(item.events for item in slices)
    }
    found.batch = max(batches, default=0)


def _raise_positions(positions: dict[StreamKey, Position], before: Mapping[StreamKey, Position]) -> None:
    """Take over what a marker says was committed, unless more is known.

    What was ahead is over the position here as soon as the gap is closed; its writer counts it when it comes again.
    """
    for key, position in before.items():
        if key not in positions or positions[key].next < position.next:
            positions[key] = position


def _ahead_slices(marker: Marker) -> Iterator[Slice]:
    for key, ranges in (marker.ahead or {}).items():
        for item in ranges:
            yield Slice(key, item.start, len(item), Outcome.DELIVERED, events=True)


def _advance(position: Position, slices: Iterable[Slice]) -> tuple[Position, list[Slice]]:
    """Return the position behind all that follows it without a gap, and what lies beyond."""
    beyond: list[Slice] = []
    expected = position.next
    for item in sorted(slices, key=lambda item: item.first):
        if item.first > expected:
            beyond.append(item)
        elif item.end > expected:
            position = advanced(position, item.fate, item.end - expected)
            expected = item.end
    return position, beyond


def _cut(slices: Iterable[Slice], events: int) -> Iterator[Slice]:
    for item in slices:
        count = min(item.count, events) if item.events else item.count
        if count:
            yield Slice(item.key, item.first, count, item.fate, item.events)
        events -= count if item.events else 0


def _stepless(tail: list[bytes], steps: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for count, without in zip(steps, cycle((False, True)), strict=False):
        if without:
            yield from tail[at : at + count]
        at += count
