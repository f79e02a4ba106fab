"""What became of the indexes of a run in one route. Its terms add up, or something is wrong.

``sent = delivered + filtered + refused + dead_letters + gaps + pending``, where ``gaps`` is the sum
of the holes. A position holds the terms of one writer and class; a receipt sums its positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.account import read_class
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.errors import MalformedEnvelope, SubjectError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import parse_writer
from sitewire.schemas.wire import array, check, counts, index, is_text, is_time, read_map, shown

_KEYS = frozenset({"v", "positions", "duplicates", "times", "sink"})
_OPTIONAL = frozenset({"ending", "writers", "unlisted"})
_EMPTY: tuple[object, ...] = (0, 0, 0, 0, 0, {})
"""The fields of a position of which nothing is known."""
_ENDINGS = frozenset(EndingState)
_HOLES = frozenset(HoleName)


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """One numbering: a writer and a class."""

    writer: str
    record_class: RecordClass


@dataclass(frozen=True, slots=True)
class Position:
    """How far a sink has come in one numbering, and what became of each index on the way.

    Attributes:
        base: the index that the route began with.
        delivered: records that the sink holds, or, for a record without a form of its own there
            (``run_start`` in TensorBoard), that it has taken notice of.
        filtered: records that the route's filter left out.
        refused: records of a kind that the sink cannot hold.
        dead_letters: records that the tracker refused for good.
        holes: indexes that never held a record, by the hole's name.
    """

    base: int = 0
    delivered: int = 0
    filtered: int = 0
    refused: int = 0
    dead_letters: int = 0
    holes: Mapping[HoleName, int] = field(default_factory=dict)

    @property
    def gaps(self) -> int:
        """The indexes that lie in holes."""
        return sum(self.holes.values())

    @property
    def next(self) -> int:
        """The next index expected: everything below it is committed."""
        return self.base + self.delivered + self.filtered + self.refused + self.dead_letters + self.gaps


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one (site, run) in one route.

    Attributes:
        sink: the sink's identity: its type and place.
        positions: per writer and class.
        duplicates: indexes that came again and were dropped; delivery's own count, not an index's fate.
        first_time: of the earliest record delivered, seconds since the epoch; 0.0 if there is none.
        last_time: of the latest one.
        ending: what the sink was told last of the run's end; None if nothing was.
        unlisted: how many positions there are, if they are too many for any message: then none is listed.
    """

    sink: str
    positions: Mapping[StreamKey, Position]
    duplicates: int = 0
    first_time: float = 0.0
    last_time: float = 0.0
    ending: Ending | None = None
    unlisted: int = 0


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt as MessagePack; one that fits in no form says so in the place of its positions."""
    plain = _encode(receipt, {"positions": _plain(receipt.positions)})
    if len(plain) <= limits.MAX_STATE_BYTES:
        return plain
    packed = _encode(receipt, {"positions": (), "writers": _packed(receipt.positions)})
    if len(packed) <= limits.MAX_RECEIPT_BYTES and len(receipt.positions) <= limits.MAX_POSITIONS:
        return packed
    return _encode(receipt, {"positions": (), "unlisted": len(receipt.positions)})


def _encode(receipt: Receipt, positions: Mapping[str, object]) -> bytes:
    body: dict[str, object] = {
        "v": limits.SCHEMA_VERSION,
        "sink": receipt.sink,
        **positions,
        "duplicates": receipt.duplicates,
        "times": (receipt.first_time, receipt.last_time),
    }
    if (ending := receipt.ending) is not None:
        body["ending"] = (str(ending.state), ending.attempt, ending.time)
    return bytes(msgpack.packb(body))


def _plain(positions: Mapping[StreamKey, Position]) -> list[object]:
    return [(key.writer, str(key.record_class), position_fields(position)) for key, position in positions.items()]


def _packed(positions: Mapping[StreamKey, Position]) -> list[object]:
    """Return less than half of the bytes: each writer once and as bytes, and no fields that are empty to the end."""
    rows: dict[str, list[object]] = {}
    for key, position in positions.items():
        fields = position_fields(position)
        while fields and not fields[-1]:
            fields.pop()
        rows.setdefault(key.writer, [bytes.fromhex(key.writer)]).append((str(key.record_class), *fields))
    return list(rows.values())


def decode_receipt(data: bytes) -> Receipt:
    """Read and check a receipt.

    Raises:
        EnvelopeError: too large, malformed or of another version.
    """
    body = read_map(data, limits.MAX_RECEIPT_BYTES, limits.MAX_POSITIONS)
    check(_KEYS <= body.keys() <= _KEYS | _OPTIONAL, "a receipt has the keys " + " ".join(sorted(_KEYS)))
    check(is_text(body["sink"], limits.MAX_STATE_BYTES), "sink: an identity")
    times = array(body["times"], "times")
    check(len(times) == 2 and all(map(is_time, times)), "times: [first, last]")
    positions = _read_positions(body["positions"])
    if "writers" in body:
        check(not positions, "writers: in the place of positions")
        positions = _read_packed(body["writers"])
    unlisted = index(body.get("unlisted", 0), "unlisted")
    ending = _read_ending(body["ending"]) if "ending" in body else None
    duplicates = index(body["duplicates"], "duplicates")
    return Receipt(body["sink"], positions, duplicates, times[0], times[1], ending, unlisted)


def position_fields(position: Position) -> list[object]:
    """Return a position as plain values, for MessagePack and JSON alike."""
    return [
        position.base,
        position.delivered,
        position.filtered,
        position.refused,
        position.dead_letters,
        {str(name): count for name, count in position.holes.items()},
    ]


def read_position(value: object) -> Position:
    """Read what ``position_fields`` wrote, as MessagePack or JSON gives it back.

    Raises:
        MalformedEnvelope: it is not that.
    """
    fields = array(tuple(value) if type(value) is list else value, "position")
    check(len(fields) == 6, "a position has six fields")
    base, delivered, filtered, refused, dead_letters = (index(count, "position") for count in fields[:5])
    position = Position(base, delivered, filtered, refused, dead_letters, read_holes(fields[5]))
    check(position.next <= limits.MAX_INDEX, "position: the terms add up to no index")
    return position


def read_holes(value: object) -> dict[HoleName, int]:
    """Return counts by hole name.

    Raises:
        MalformedEnvelope: not a map of counts, or an unknown name.
    """
    by_name = counts(value, "holes")
    check(by_name.keys() <= _HOLES, "unknown hole")
    return {HoleName(name): count for name, count in by_name.items()}


def _read_positions(value: object) -> dict[StreamKey, Position]:
    items = array(value, "positions")
    positions = dict(map(_read_position, items))
    check(len(positions) == len(items), "positions: one comes twice")
    return positions


def _read_position(value: object) -> tuple[StreamKey, Position]:
    item = array(value, "positions")
    check(len(item) == 3, "positions: [writer, class, position]")
    return StreamKey(_read_writer(item[0]), read_class(item[1])), read_position(item[2])


def _read_packed(value: object) -> dict[StreamKey, Position]:
    positions: dict[StreamKey, Position] = {}
    for row in array(value, "writers"):
        writer, *classes = array(row, "writers") or (b"",)
        check(type(writer) is bytes and len(writer) == limits.WRITER_BYTES, "writers: [writer, [class, ...], ...]")
        for item in classes:
            name, *fields = array(item, "writers") or ("",)
            check(len(fields) <= len(_EMPTY), "writers: a position has six fields")
            key = StreamKey(bytes(writer).hex(), read_class(name))
            check(key not in positions, "writers: one comes twice")
            positions[key] = read_position((*fields, *_EMPTY[len(fields) :]))
    check(len(positions) <= limits.MAX_POSITIONS, "writers: too many positions")
    return positions


def _read_ending(value: object) -> Ending:
    fields = array(value, "ending")
    check(len(fields) == 3, "ending: [state, attempt, time]")
    state, attempt, time = fields
    check(type(state) is str and state in _ENDINGS, f"ending: unknown state {shown(state)}")
    check(index(attempt, "ending") > 0, "ending: attempts are counted from 1")
    check(is_time(time), "ending: not a time")
    return Ending(EndingState(state), attempt, time)


def _read_writer(value: object) -> str:
    check(type(value) is str, f"not a writer: {shown(value)}")
    try:
        return parse_writer(str(value))
    except SubjectError as error:
        raise MalformedEnvelope(str(error)) from error
