"""Envelopes to bytes and back. Every byte that comes in is hostile until it has been checked.

On the wire an envelope is a MessagePack map::

    {"v": 1, "w": bin 16, "c": class, "f": first, "e": experiment,
     "h": [[hole name, first, count], ...], "r": [record, ...]}

and a record an array ``[kind, name, value, time, step]``, with a map of the rarer fields behind it
when there are any: ``{"r": round, "e": epoch, "c": context, "s": series}``. ``kind`` is the number
of ``record.Kind``'s member. A publisher never decodes records: it puts the spool's bytes side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import EnvelopeError, EnvelopeTooLarge, MalformedEnvelope, UnknownVersion
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass
from sitewire.schemas.subject import Subject

KIND_NUMBER: Final[Mapping[Kind, int]] = {kind: number for number, kind in enumerate(Kind)}
SCALAR_NUMBER: Final = KIND_NUMBER[Kind.SCALAR]
CLASSES: Final[Sequence[RecordClass]] = tuple(RecordClass)

_KINDS: Final = tuple(Kind)
_HOLE_NAMES: Final = {str(name): name for name in HoleName}
_ENVELOPE_KEYS: Final = frozenset("vwcfehr")
_RARE: Final = ("r", "e", "c", "s")
_RARE_TYPES: Final[tuple[type, ...]] = (int, int, str, str)
_NO_RARE: Final = (None, None, None, None)


def pack_record(record: Record) -> bytes:
    """Pack one record. The log call's hot path packs scalars itself, to the same bytes."""
    number = KIND_NUMBER[record.kind]
    rare = {key: value for key, value in zip(_RARE, record[5:], strict=True) if value is not None}
    fields = (number, record.name, record.value, record.time, record.step)
    return _pack((*fields, rare) if rare else fields)


def encode_envelope(
    writer: str,
    record_class: RecordClass,
    first: int,
    packed: Sequence[bytes],
    holes: Sequence[Hole] = (),
    experiment: str = "default",
) -> bytes:
    """Build an envelope around records that are packed already.

    Args:
        writer: 32 hexadecimal digits.
        record_class: the class that the indexes number.
        first: the first index covered.
        packed: what ``pack_record`` gave, in the order of the indexes.
        holes: ascending, disjoint, within the range covered.
        experiment: the run's experiment.
    """
    packer = msgpack.Packer(autoreset=False)
    packer.pack_map_header(len(_ENVELOPE_KEYS))
    head: dict[str, object] = {
        "v": limits.SCHEMA_VERSION,
        "w": bytes.fromhex(writer),
        "c": str(record_class),
        "f": first,
        "e": experiment,
        "h": [(str(hole.name), hole.first, hole.count) for hole in holes],
    }
    for key, value in head.items():
        packer.pack(key)
        packer.pack(value)
    packer.pack("r")
    packer.pack_array_header(len(packed))
    return b"".join((packer.bytes(), *packed))


def decode_envelope(data: bytes, subject: Subject) -> Envelope:
    """Read and check an envelope that arrived under ``subject``.

    Raises:
        EnvelopeTooLarge: more than ``limits.MAX_ENVELOPE_BYTES``.
        UnknownVersion: the version is another one.
        MalformedEnvelope: anything else, a body that contradicts its subject included.
    """
    body = read_map(data, limits.MAX_ENVELOPE_BYTES)
    check(body.keys() == _ENVELOPE_KEYS, "an envelope has the keys v w c f e h r")
    check(body["w"] == bytes.fromhex(subject.writer), "the writer is not the subject's")
    check(body["c"] == subject.record_class, "the class is not the subject's")
    check(is_text(body["e"], limits.MAX_EXPERIMENT_BYTES), "e: an experiment's name")
    check(isinstance(body["r"], tuple) and len(body["r"]) <= limits.MAX_ENVELOPE_RECORDS, "r: an array of records")
    records = tuple([_read_record(item, subject.record_class) for item in body["r"]])
    first = index(body["f"], "f")
    holes = _read_holes(body["h"])
    envelope = Envelope(subject.writer, subject.record_class, first, records, holes, body["e"])
    _check_cover(envelope)
    return envelope


def read_map(data: bytes, limit: int) -> dict[str, Any]:
    """Read hostile bytes as a map with a schema version; arrays come as tuples.

    Raises:
        EnvelopeError: too large, not MessagePack, not a map, or of another version.
    """
    if len(data) > limit:
        raise EnvelopeTooLarge(len(data), limit)
    try:
        # msgpack bounds every length by the bytes that are there (max_buffer_size is len(data)).
        body = msgpack.unpackb(data, use_list=False, raw=False, strict_map_key=True, max_ext_len=0)
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"not MessagePack that we read: {type(error).__name__}: {error}"
        raise MalformedEnvelope(msg) from error
    check(isinstance(body, dict), "not a map")
    version = body.get("v")
    if type(version) is not int or version != limits.SCHEMA_VERSION:
        raise UnknownVersion(version)
    return body  # type: ignore[no-any-return]  # checked above


def check(condition: bool, message: str) -> None:  # noqa: FBT001  a condition is a boolean
    """Refuse the bytes unless the condition holds.

    Raises:
        MalformedEnvelope: it does not.
    """
    if not condition:
        raise MalformedEnvelope(message)


def index(value: object, what: str) -> int:
    """Return an index or count if it is one.

    Raises:
        MalformedEnvelope: it is not an integer from 0 to ``limits.MAX_INDEX``.
    """
    if type(value) is not int or not 0 <= value <= limits.MAX_INDEX:
        msg = f"{what}: not an index: {value!r:.80}"
        raise MalformedEnvelope(msg)
    return value


def is_text(value: object, limit: int) -> bool:
    """Whether it is a string that is not empty and has at most ``limit`` bytes of UTF-8."""
    if type(value) is not str or not value:
        return False
    return len(value) <= limit and (value.isascii() or len(value.encode()) <= limit)


def _read_holes(items: object) -> tuple[Hole, ...]:
    check(isinstance(items, tuple) and len(items) <= limits.MAX_ENVELOPE_HOLES, "h: an array of holes")
    assert isinstance(items, tuple)  # for the type checkers; checked above
    return tuple(_read_hole(item) for item in items)


def _read_hole(item: object) -> Hole:
    if not (isinstance(item, tuple) and len(item) == 3 and isinstance(item[0], str)):
        msg = "h: a hole is [name, first, count]"
        raise MalformedEnvelope(msg)
    name = _HOLE_NAMES.get(item[0])
    if name is None:
        msg = f"h: unknown hole {item[0]!r:.40}"
        raise MalformedEnvelope(msg)
    return Hole(name, index(item[1], "h"), index(item[2], "h"))


def _check_cover(envelope: Envelope) -> None:
    position = envelope.first
    for hole in envelope.holes:
        check(hole.count > 0 and hole.first >= position, "h: holes are ascending, disjoint and not empty")
        position = hole.end
    check(envelope.end > envelope.first, "an envelope covers at least one index")
    check(position <= envelope.end <= limits.MAX_INDEX, "h: a hole lies outside of what is covered")


def _read_record(item: object, record_class: RecordClass) -> Record:
    if type(item) is not tuple or not 5 <= len(item) <= 6:
        msg = "r: a record is [kind, name, value, time, step] and perhaps a map"
        raise MalformedEnvelope(msg)
    number, name, value, time, step = item[:5]
    if type(number) is not int or not 0 <= number < len(_KINDS):
        msg = f"r: unknown kind {number!r:.40}"
        raise MalformedEnvelope(msg)
    kind = _KINDS[number]
    if CLASS_OF[kind] is not record_class:
        msg = f"r: {kind} does not belong to the class {record_class}"
        raise MalformedEnvelope(msg)
    if not _CHECKS[number](value):
        msg = f"r: not a value of {kind}: {value!r:.80}"
        raise MalformedEnvelope(msg)
    if type(time) is not float or not 0.0 <= time < limits.MAX_TIME:
        msg = f"r: not a time: {time!r:.40}"
        raise MalformedEnvelope(msg)
    if step is not None and (type(step) is not int or not limits.MIN_STEP <= step <= limits.MAX_STEP):
        msg = f"r: not a step: {step!r:.40}"
        raise MalformedEnvelope(msg)
    if not is_text(name, limits.MAX_RECORD_NAME_BYTES):
        msg = f"r: not a name: {name!r:.80}"
        raise MalformedEnvelope(msg)
    return Record(kind, name, value, time, step, *(_read_rare(item[5]) if len(item) == 6 else _NO_RARE))


def _read_rare(rare: object) -> tuple[Any, ...]:
    if not (isinstance(rare, dict) and rare and rare.keys() <= set(_RARE)):
        msg = f"r: the rare fields are {' '.join(_RARE)}"
        raise MalformedEnvelope(msg)
    for key, wanted in zip(_RARE, _RARE_TYPES, strict=True):
        if key in rare and not _is_rare(rare[key], wanted):
            msg = f"r: not a value of the field {key}: {rare[key]!r:.80}"
            raise MalformedEnvelope(msg)
    return tuple(rare.get(key) for key in _RARE)


def _is_rare(value: object, wanted: type) -> bool:
    if wanted is str:
        return is_text(value, limits.MAX_RECORD_NAME_BYTES)
    return type(value) is int and limits.MIN_STEP <= value <= limits.MAX_STEP


def _is_primitive(value: object) -> bool:
    return value is None or type(value) in (str, int, float, bool)


def _is_primitive_map(value: object) -> bool:
    return isinstance(value, dict) and all(
        is_text(key, limits.MAX_RECORD_NAME_BYTES) and _is_primitive(item) for key, item in value.items()
    )


def _is_hparams(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"params", "metrics"}
        and _is_primitive_map(value["params"])
        and isinstance(value["metrics"], tuple)
        and all(is_text(name, limits.MAX_RECORD_NAME_BYTES) for name in value["metrics"])
    )


def _is_string(value: object) -> bool:
    return type(value) is str


def _is_float(value: object) -> bool:
    return type(value) is float


_CHECK_OF: Final[Mapping[Kind, Callable[[object], bool]]] = {
    Kind.SCALAR: _is_float,
    Kind.TEXT: _is_string,
    Kind.RUN_START: _is_primitive_map,
    Kind.RUN_END: lambda value: value in ("finished", "failed"),
    Kind.PARAM: _is_primitive,
    Kind.TAG: _is_string,
    Kind.HPARAMS: _is_hparams,
}
_CHECKS: Final = tuple(_CHECK_OF[kind] for kind in _KINDS)

_pack: Final[Callable[[object], bytes]] = msgpack.packb

__all__ = [
    "CLASSES",
    "KIND_NUMBER",
    "SCALAR_NUMBER",
    "EnvelopeError",
    "check",
    "decode_envelope",
    "encode_envelope",
    "index",
    "is_text",
    "pack_record",
    "read_map",
]
