"""Envelopes to bytes and back.

On the wire an envelope is a MessagePack map::

    {"v": 1, "w": bin 16, "c": class, "f": first, "e": experiment,
     "h": [[hole name, first, count], ...], "r": [record, ...]}

and a record an array ``[kind, name, value, time, step]``, with a map of the rarer fields behind it
when there are any: ``{"r": round, "e": epoch, "c": context, "s": series}``. ``kind`` is the number
of ``record.Kind``'s member. A publisher never decodes records: it puts the spool's bytes side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import MalformedEnvelope, RecordRefused
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.kind import IS_VALUE
from sitewire.schemas.rare import FIELDS, NONE, are_rare, read_rare
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass
from sitewire.schemas.scalars import read_scalars
from sitewire.schemas.subject import Subject
from sitewire.schemas.wire import array, check, index, is_step, is_text, is_time, read_map, shown

KIND_NUMBER: Final[Mapping[Kind, int]] = {kind: number for number, kind in enumerate(Kind)}
SCALAR_NUMBER: Final = KIND_NUMBER[Kind.SCALAR]
CLASSES: Final[Sequence[RecordClass]] = tuple(RecordClass)

_KINDS: Final = tuple((kind, CLASS_OF[kind], IS_VALUE[kind]) for kind in Kind)
_HOLE_NAMES: Final = {str(name): name for name in HoleName}
_ENVELOPE_KEYS: Final = frozenset("vwcfehr")
_ONE_RECORD: Final = b"\x82" + b"".join(map(msgpack.packb, ("v", limits.SCHEMA_VERSION, "r"))) + b"\x91"


def pack_record(record: Record) -> bytes:
    """Pack one record. The log call's hot path packs scalars itself, to the same bytes.

    Raises:
        RecordRefused: a worker would refuse the record, and with it the whole envelope that it came in.
    """
    number = KIND_NUMBER[record.kind]
    rare = {key: value for key, value in zip(FIELDS, record[5:], strict=True) if value is not None}
    fields = (number, record.name, record.value, record.time, record.step)
    try:
        packed = msgpack.packb((*fields, rare) if rare else fields)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"{record.kind} {shown(record.name)}: {error!s:.200}"
        raise RecordRefused(msg) from error
    if record.kind is not Kind.SCALAR or not _is_scalar(record, rare):
        _check_packed(packed, CLASS_OF[record.kind])
    return packed


def _is_scalar(record: Record, rare: Mapping[str, object]) -> bool:
    """Whether it is a scalar beyond doubt: what ``_check_packed`` would say, at a tenth of its price.

    A second ``SummaryWriter`` packs each of its scalars this way.
    """
    return (
        type(record.value) is float
        and is_time(record.time)
        and (record.step is None or is_step(record.step))
        and is_text(record.name, limits.MAX_RECORD_NAME_BYTES)
        and are_rare(rare)
    )


def _check_packed(packed: bytes, record_class: RecordClass) -> None:
    # Read as a worker reads it: so the two can never differ about what is a record.
    if len(packed) > limits.MAX_RECORD_BYTES:
        msg = f"{len(packed)} bytes, a record has at most {limits.MAX_RECORD_BYTES}"
        raise RecordRefused(msg)
    try:
        body = read_map(_ONE_RECORD + packed, limits.MAX_ENVELOPE_BYTES)
        _read_records(body["r"], record_class)
    except MalformedEnvelope as error:
        raise RecordRefused(str(error)) from error


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
    records = _read_records(body["r"], subject.record_class)
    if len(data) > limits.MAX_RECORD_BYTES:
        _check_sizes(body["r"])
    envelope = Envelope(
        subject.writer, subject.record_class, index(body["f"], "f"), records, _read_holes(body["h"]), body["e"]
    )
    _check_cover(envelope)
    return envelope


def _check_sizes(items: tuple[Any, ...]) -> None:
    """Refuse a record that no log call makes: if a tracker refuses it, no dead letter could hold it."""
    for item in items:
        size = len(msgpack.packb(item))
        check(size <= limits.MAX_RECORD_BYTES, f"r: a record of {size} bytes, {limits.MAX_RECORD_BYTES} are allowed")


def _read_holes(value: object) -> tuple[Hole, ...]:
    items = array(value, "h")
    check(len(items) <= limits.MAX_ENVELOPE_HOLES, "h: too many holes")
    return tuple(_read_hole(item) for item in items)


def _read_hole(value: object) -> Hole:
    item = array(value, "h")
    check(len(item) == 3, "h: a hole is [name, first, count]")
    name = _HOLE_NAMES.get(item[0]) if type(item[0]) is str else None
    if name is None:
        msg = f"h: unknown hole {shown(item[0])}"
        raise MalformedEnvelope(msg)
    return Hole(name, index(item[1], "h"), index(item[2], "h"))


def _check_cover(envelope: Envelope) -> None:
    position = envelope.first
    for hole in envelope.holes:
        check(hole.count > 0 and hole.first >= position, "h: holes are ascending, disjoint and not empty")
        position = hole.end
    check(envelope.end > envelope.first, "an envelope covers at least one index")
    check(position <= envelope.end <= limits.MAX_INDEX, "h: a hole lies outside of what is covered")


def _read_records(value: object, record_class: RecordClass) -> tuple[Record, ...]:
    items = array(value, "r")
    check(len(items) <= limits.MAX_ENVELOPE_RECORDS, "r: too many records")
    if items and record_class is RecordClass.SCALARS:
        scalars = read_scalars(items)
        if scalars is not None:
            return scalars
    return tuple([_read_record(item, record_class) for item in items])


def _read_record(item: object, record_class: RecordClass) -> Record:
    if type(item) is not tuple or not 5 <= len(item) <= 6:
        msg = "r: a record is [kind, name, value, time, step] and perhaps a map"
        raise MalformedEnvelope(msg)
    number, name, value, time, step = item[:5]
    kind = _read_kind(number, value, record_class)
    if not is_time(time):
        msg = f"r: not a time: {shown(time)}"
        raise MalformedEnvelope(msg)
    if step is not None and not is_step(step):
        msg = f"r: not a step: {shown(step)}"
        raise MalformedEnvelope(msg)
    if not is_text(name, limits.MAX_RECORD_NAME_BYTES):
        msg = f"r: not a name: {shown(name)}"
        raise MalformedEnvelope(msg)
    return Record(kind, name, value, time, step, *(read_rare(item[5]) if len(item) == 6 else NONE))


def _read_kind(number: object, value: object, record_class: RecordClass) -> Kind:
    if type(number) is not int or not 0 <= number < len(_KINDS):
        msg = f"r: unknown kind {shown(number)}"
        raise MalformedEnvelope(msg)
    kind, class_of_kind, is_value = _KINDS[number]
    if class_of_kind is not record_class:
        msg = f"r: {kind} does not belong to the class {record_class}"
        raise MalformedEnvelope(msg)
    if not is_value(value):
        msg = f"r: not a value of {kind}: {shown(value)}"
        raise MalformedEnvelope(msg)
    return kind


__all__ = [
    "CLASSES",
    "KIND_NUMBER",
    "SCALAR_NUMBER",
    "decode_envelope",
    "encode_envelope",
    "pack_record",
]
