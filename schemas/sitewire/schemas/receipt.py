"""What became of the indexes of a run in one route. Its terms add up, or something is wrong.

``sent = delivered + filtered + refused + dead_letters + gaps + pending``, where ``gaps`` is the sum
of the holes. A position holds the terms of one writer and class; a receipt sums its positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.account import as_map, read_class, read_counts
from sitewire.schemas.codec import check, index, is_text, read_map
from sitewire.schemas.errors import MalformedEnvelope, SubjectError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import parse_writer

_KEYS = frozenset({"v", "positions", "duplicates", "times", "sink"})


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
    """

    sink: str
    positions: Mapping[StreamKey, Position]
    duplicates: int = 0
    first_time: float = 0.0
    last_time: float = 0.0


def encode_receipt(receipt: Receipt) -> bytes:
    """Write a receipt as MessagePack."""
    body = {
        "v": limits.SCHEMA_VERSION,
        "sink": receipt.sink,
        "positions": [
            (key.writer, str(key.record_class), position_fields(position))
            for key, position in receipt.positions.items()
        ],
        "duplicates": receipt.duplicates,
        "times": (receipt.first_time, receipt.last_time),
    }
    return bytes(msgpack.packb(body))


def decode_receipt(data: bytes) -> Receipt:
    """Read and check a receipt.

    Raises:
        EnvelopeError: too large, malformed or of another version.
    """
    body = read_map(data, limits.MAX_STATE_BYTES)
    check(body.keys() == _KEYS, "a receipt has the keys " + " ".join(sorted(_KEYS)))
    check(is_text(body["sink"], limits.MAX_STATE_BYTES), "sink: an identity")
    check(isinstance(body["positions"], tuple), "positions: an array")
    times = body["times"]
    check(
        isinstance(times, tuple) and len(times) == 2 and all(type(time) is float for time in times),
        "times: two floats",
    )
    positions = dict(_read_position(item) for item in body["positions"])
    return Receipt(body["sink"], positions, index(body["duplicates"], "duplicates"), times[0], times[1])


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


def read_position(fields: object) -> Position:
    """Read what ``position_fields`` wrote.

    Raises:
        MalformedEnvelope: it is not that.
    """
    check(isinstance(fields, (tuple, list)) and len(fields) == 6, "a position has six fields")
    *counts, holes = fields  # type: ignore[misc]  # checked above
    return Position(*(index(count, "position") for count in counts), read_holes(holes))


def read_holes(value: object) -> dict[HoleName, int]:
    """Return counts by hole name.

    Raises:
        MalformedEnvelope: not a map of counts, or an unknown name.
    """
    counts = read_counts(value)
    check(all(name in HoleName.__members__.values() for name in counts), "unknown hole")
    return {HoleName(name): count for name, count in counts.items()}


def _read_position(item: object) -> tuple[StreamKey, Position]:
    check(isinstance(item, tuple) and len(item) == 3, "positions: [writer, class, position]")
    writer, record_class, fields = item  # type: ignore[misc]  # checked above
    try:
        key = StreamKey(parse_writer(str(writer)), read_class(str(record_class)))
    except SubjectError as error:
        raise MalformedEnvelope(str(error)) from error
    return key, read_position(fields)
