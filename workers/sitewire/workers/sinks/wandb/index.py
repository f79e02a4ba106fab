"""The index that rows carry: what ``_sitewire`` says.

A row's text is ``<key>:<first>+<count>[=<fate>] ...``: which indexes it stands for, and what became of those in front
of it that are no row. ``<key>`` is a place in the segment's list of numberings. That list, and its positions, are
in the text of its first row, ``{"v": 1, "segment": n, "keys": [[writer, class, position], ...]} ...``; a numbering that
begins later is in front of its first slice, ``{"keys": [[writer, class, position]]} ...``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.receipt import Position, StreamKey, position_fields, read_position
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import parse_writer
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.progress import advanced, fate, read_fate

VERSION: Final = 1
_SLICE: Final = re.compile(r"(\d{1,9}):(\d{1,19})\+(\d{1,19})(?:=(\w+))?")
_decode: Final = json.JSONDecoder().raw_decode
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive indexes of one numbering, which share their fate."""

    key: StreamKey
    first: int
    count: int
    fate: Outcome | HoleName = Outcome.DELIVERED


def slice_of(delivery: Delivery) -> Slice:
    """Return all of a delivery."""
    stretch = delivery.stretch
    count = len(stretch.records) if isinstance(stretch, Span) else stretch.count
    return Slice(delivery.key, stretch.first, count, fate(delivery))


class IndexWriter:
    """Makes the texts of one segment's rows, in the order in which they are written."""

    def __init__(self, segment: int, before: Mapping[StreamKey, Position]) -> None:
        """Begin a segment.

        Args:
            segment: its number; rises within a run.
            before: all that is committed.
        """
        keys = [_entry(key, at) for key, at in before.items()]
        self._head: dict[str, Any] = {"v": VERSION, "segment": segment, "keys": keys}
        self._places = {key: place for place, key in enumerate(before)}

    def text(self, slices: Iterable[Slice]) -> str:
        """Return the text of the next row."""
        parts = [self._part(item) for item in slices]
        head, self._head = self._head, {}
        return " ".join((_encode(head), *parts) if head else parts)

    def _part(self, item: Slice) -> str:
        place = self._places.get(item.key)
        if place is None:
            place = self._places[item.key] = len(self._places)
            self._head.setdefault("keys", []).append(_entry(item.key, Position(base=item.first)))
        what = "" if item.fate is Outcome.DELIVERED else f"={item.fate}"
        return f"{place}:{item.first}+{item.count}{what}"


class IndexReader:
    """Folds the texts of one segment's rows.

    Attributes:
        segment: its number, 0 before the first row.
        positions: behind the rows seen.
    """

    def __init__(self) -> None:
        self.segment = 0
        self.positions: dict[StreamKey, Position] = {}
        self._keys: list[StreamKey] = []

    def take(self, text: str) -> bool:
        """Take the text of the next row; returns whether it follows.

        Where something lies in between, which only a page that never reached the disk can be, what follows is not
        counted: it is written again.

        Raises:
            ValueError: it is of a later version, or not ours.
        """
        try:
            slices = self._slices(text)
        except (LookupError, TypeError, OverflowError, RecursionError, SchemaError) as error:
            msg = f"not an index of this sink: {text[:80]!r}"
            raise ValueError(msg) from error
        positions = dict(self.positions) if len(slices) > 1 else self.positions
        for item in slices:
            if positions[item.key].next != item.first:
                return False
            if item.first + item.count > MAX_INDEX:
                msg = f"an index beyond all that there are: {text[:80]!r}"
                raise ValueError(msg)
            positions[item.key] = advanced(positions[item.key], item.fate, item.count)
        self.positions = positions
        return True

    def _slices(self, text: str) -> list[Slice]:
        rest = text
        if text.startswith("{"):
            head, end = _decode(text)
            self._begin(head)
            rest = text[end:]
        return [self._slice(part) for part in rest.split()]

    def _begin(self, head: dict[str, Any]) -> None:
        if not self.segment:
            if head["v"] != VERSION:
                msg = f"an index of version {head['v']!r:.20}; this build reads version {VERSION}"
                raise ValueError(msg)
            self.segment = int(head["segment"])
        for writer, name, position in head["keys"]:
            key = StreamKey(parse_writer(writer), RecordClass(name))
            self._keys.append(key)
            self.positions[key] = read_position(position)

    def _slice(self, part: str) -> Slice:
        match = _SLICE.fullmatch(part)
        if match is None:
            msg = f"not a slice: {part[:80]!r}"
            raise ValueError(msg)
        place, first, count, what = match.groups()
        return Slice(self._keys[int(place)], int(first), int(count), read_fate(what) if what else Outcome.DELIVERED)


def _entry(key: StreamKey, position: Position) -> list[object]:
    return [key.writer, key.record_class, position_fields(position)]
