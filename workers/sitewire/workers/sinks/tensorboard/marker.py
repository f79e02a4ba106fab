"""The index that an event file carries: what each batch puts into it.

Every batch begins, in every file that it touches, with a marker: an event that readers do not show, whose text is

    {"v": 1, "whole": bool, "b": batch, "keys": [[writer, class, position], ...],
     "slices": [[key, first, count, fate, events], ...], "steps": [with, without, with, ...],
     "counters": {tag: [before, count], ...}, "session": [{parameter: value, ...}, begun, ended]}

``key`` is a place in ``keys``. A whole marker, such as the first of a file, also has ``"ahead": [[key, first, count],
...]``: it says all that was committed before, so that nothing in front of it has to be read. Where ``session`` is
missing there is nothing to say of one, as in the files of earlier versions. A session's own events lie directly before
the marker that says so, and count for nobody: if it is torn off they are written again, and the page shows the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sitewire.schemas.errors import SchemaError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, StreamKey, position_fields, read_position
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import parse_writer
from sitewire.schemas.wire import check, index, text_map
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.progress import read_fate
from sitewire.workers.sinks.tensorboard.session import Session

VERSION: Final = 1
MOST_AHEAD: Final = 1 << 20
"""Indexes beyond their position: a batch is a quarter of a megabyte of messages."""

_WHOLE: Final = f'{{"v":{VERSION},"whole":true,'


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive indexes of one numbering, which share their fate.

    Attributes:
        events: whether each index is an event of this file, in this order behind the marker; otherwise none is.
    """

    key: StreamKey
    first: int
    count: int
    fate: Outcome | HoleName
    events: bool

    @property
    def end(self) -> int:
        """The index behind the last one."""
        return self.first + self.count


@dataclass(frozen=True, slots=True)
class Marker:
    """What one write puts into one file.

    Attributes:
        batch: rises with every commit of the run; writes that are committed together share it.
        before: positions committed before the batch, of the keys in this marker; of all if it is ``whole``.
        slices: what this write puts into this file, and counts here without an event.
        steps: lengths of the stretches of events, by turns with a step of their own and without one.
        counters: per tag, the counter that gives records without a step theirs: before this write, and how many it
            numbers. All of the folder's if the marker is ``whole``.
        ahead: indexes beyond their position that are events of the run already; ``None`` unless it is ``whole``.
        session: what this write adds to the folder's session; all that is known of it if the marker is ``whole``.
    """

    batch: int
    before: Mapping[StreamKey, Position]
    slices: tuple[Slice, ...]
    steps: tuple[int, ...] = ()
    counters: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    ahead: Mapping[StreamKey, Iterable[range]] | None = None
    session: Session = field(default_factory=Session)

    @property
    def whole(self) -> bool:
        """Whether it says all that was committed before its batch."""
        return self.ahead is not None

    @property
    def events(self) -> int:
        """How many events follow."""
        return sum(item.count for item in self.slices if item.events)


def encode_marker(marker: Marker) -> str:
    """Write a marker as compact JSON, all ASCII."""
    place = {key: number for number, key in enumerate(marker.before)}
    body: dict[str, object] = {
        "v": VERSION,
        "whole": marker.whole,
        "b": marker.batch,
        "keys": [[key.writer, key.record_class, position_fields(at)] for key, at in marker.before.items()],
        "slices": [[place[s.key], s.first, s.count, s.fate, int(s.events)] for s in marker.slices],
        "steps": marker.steps,
        "counters": marker.counters,
    }
    if marker.session:
        body["session"] = [marker.session.params, marker.session.begun, marker.session.ended]
    if marker.ahead is not None:
        body["ahead"] = [[place[key], r.start, len(r)] for key, ranges in marker.ahead.items() for r in ranges]
    return json.dumps(body, separators=(",", ":"))


def is_whole(text: str) -> bool:
    """Whether the marker is whole, without decoding it."""
    return text.startswith(_WHOLE)


def decode_marker(text: str) -> Marker:
    """Read a marker; its record's checksum has been seen.

    Raises:
        ValueError: written by a version that this build does not know, or not by us.
    """
    try:
        body = json.loads(text)
        if body["v"] != VERSION:
            msg = f"a marker of version {body['v']!r:.20}; this build reads version {VERSION}"
            raise ValueError(msg)
        return _read(body)
    except (KeyError, TypeError, IndexError, AttributeError, RecursionError, SchemaError) as error:
        msg = f"not a marker of this sink: {text[:80]!r}"
        raise ValueError(msg) from error


def _read(body: dict[str, Any]) -> Marker:
    keys = [StreamKey(parse_writer(writer), RecordClass(name)) for writer, name, _ in body["keys"]]
    return Marker(
        batch=index(body["b"], "b"),
        before={key: read_position(fields) for key, (_, _, fields) in zip(keys, body["keys"], strict=True)},
        slices=tuple(_read_slice(item, keys) for item in body["slices"]),
        steps=tuple(index(count, "steps") for count in body["steps"]),
        counters={tag: (index(at, "counters"), index(count, "counters")) for tag, (at, count) in _counters(body)},
        ahead=_read_ahead(body["ahead"], keys) if body["whole"] else None,
        session=_read_session(*body.get("session", ({}, False, False))),
    )


def _counters(body: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    return text_map(body["counters"], "counters").items()


def _read_slice(item: list[Any], keys: list[StreamKey]) -> Slice:
    at, first, count, fate, events = item
    end = index(index(first, "slices") + index(count, "slices"), "slices")
    return Slice(keys[index(at, "slices")], first, end - first, read_fate(fate), bool(events))


def _read_ahead(items: list[list[Any]], keys: list[StreamKey]) -> dict[StreamKey, list[range]]:
    ahead: dict[StreamKey, list[range]] = {}
    for at, first, count in items:
        end = index(first, "ahead") + index(count, "ahead")
        ahead.setdefault(keys[index(at, "ahead")], []).append(range(first, end))
    # They are events of the folder's last batch, and are kept one by one.
    total = sum(item.stop - item.start for ranges in ahead.values() for item in ranges)
    check(total <= MOST_AHEAD, "ahead: more than any batch holds")
    return ahead


def _read_session(params: object, begun: object, ended: object) -> Session:
    return Session(text_map(params, "session"), begun is True, ended is True)
