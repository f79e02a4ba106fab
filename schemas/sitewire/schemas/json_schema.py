"""JSON Schemas (draft 7) of the decoded messages, made from the enums, dataclasses and limits.

JSON has no word for bytes or for a float that is whole: ``x-msgpack-type`` says which MessagePack
type a value has where the schema alone would allow another one.
"""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, Final, TypeAlias

from sitewire.schemas import limits
from sitewire.schemas.account import Account, ClassAccount
from sitewire.schemas.codec import KIND_NUMBER
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, RecordLetter
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.hole import HoleName
from sitewire.schemas.kind import RUN_ENDS
from sitewire.schemas.receipt import Position
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass
from sitewire.schemas.retry import Retry

Schema: TypeAlias = dict[str, Any]

_VERSION: Final[Schema] = {"const": limits.SCHEMA_VERSION, "description": "schema version"}
_INDEX: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": limits.MAX_INDEX}
_FLOAT: Final[Schema] = {"type": "number", "x-msgpack-type": "float64"}
_TIME: Final[Schema] = _FLOAT | {"minimum": 0, "exclusiveMaximum": limits.MAX_TIME}
_INT64: Final[Schema] = {"type": "integer", "minimum": limits.MIN_STEP, "maximum": limits.MAX_STEP}
_TEXT: Final[Schema] = {"type": "string"}
_WRITER: Final[Schema] = {"type": "string", "pattern": f"^[0-9a-f]{{{2 * limits.WRITER_BYTES}}}$"}
_PRIMITIVE: Final[Schema] = {"type": ["string", "number", "boolean", "null"]}


def schemas() -> dict[str, Schema]:
    """Return every schema by its name: envelopes and records for each class that has kinds, account, receipt."""
    classes = [record_class for record_class in RecordClass if record_class in CLASS_OF.values()]
    return (
        {f"record_{kind}": _record(kind) for kind in Kind}
        | {f"envelope_{record_class}": _envelope(record_class) for record_class in classes}
        | {"hole": _hole(), "account": _account(), "position": _position(), "receipt": _receipt()}
        | {"dead_record": _dead_record(), "dead_message": _dead_message(), "dead_hole": _dead_hole(), "retry": _retry()}
    )


def ref(name: str) -> Schema:
    """Return a reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def _text(max_bytes: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": max_bytes, "x-max-bytes": max_bytes}


def _map(required: Schema, optional: Schema | None = None) -> Schema:
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _tuple(*items: Schema, optional: int = 0) -> Schema:
    return {
        "type": "array",
        "items": list(items),
        "minItems": len(items) - optional,
        "maxItems": len(items),
    }


def _array(items: Schema, max_items: int) -> Schema:
    return {"type": "array", "items": items, "maxItems": max_items}


def _values(values: Schema, max_items: int = limits.MAX_ITEMS) -> Schema:
    return {"type": "object", "additionalProperties": values, "maxProperties": max_items}


def _envelope(record_class: RecordClass) -> Schema:
    kinds = [kind for kind in Kind if CLASS_OF[kind] is record_class]
    size = limits.WRITER_BYTES
    return _map(
        {
            "v": _VERSION,
            "w": {
                "type": "string",
                "minLength": size,
                "maxLength": size,
                "x-msgpack-type": "bin",
                "description": "the writer's identity, one character a byte; it must be the subject's",
            },
            "c": {"const": str(record_class), "description": "the class; it must be the subject's"},
            "f": _INDEX | {"description": "the first index covered"},
            "e": _text(limits.MAX_EXPERIMENT_BYTES) | {"description": "the run's experiment"},
            "h": _array(ref("hole"), limits.MAX_ENVELOPE_HOLES)
            | {"description": "ascending, disjoint, within the indexes covered"},
            "r": _array({"oneOf": [ref(f"record_{kind}") for kind in kinds]}, limits.MAX_ENVELOPE_RECORDS)
            | {"description": "in the order of their indexes, which skip the holes"},
        }
    )


def _hole() -> Schema:
    count = _INDEX | {"minimum": 1}
    return _tuple({"enum": [str(name) for name in HoleName]}, _INDEX, count) | {"description": "[name, first, count]"}


_VALUES: Final[dict[Kind, Schema]] = {
    Kind.SCALAR: _FLOAT | {"description": "NaN and infinities too"},
    Kind.TEXT: _TEXT,
    Kind.RUN_START: _values(_PRIMITIVE),
    Kind.RUN_END: {"enum": list(RUN_ENDS)},
    Kind.PARAM: _PRIMITIVE,
    Kind.TAG: _TEXT,
    Kind.HPARAMS: _map(
        {"params": _values(_PRIMITIVE), "metrics": _array(_text(limits.MAX_RECORD_NAME_BYTES), limits.MAX_ITEMS)}
    ),
    Kind.SUMMARY: _PRIMITIVE,
    Kind.DEFINITION: _values(_PRIMITIVE),
}


def _record(kind: Kind) -> Schema:
    says = attributes(Record)
    name = _text(limits.MAX_RECORD_NAME_BYTES)
    fields: Schema = {"round": _INT64, "epoch": _INT64, "context": name, "series": name}
    rare = {
        "type": "object",
        "properties": {field[0]: schema | {"description": says[field]} for field, schema in fields.items()},
        "additionalProperties": False,
        "minProperties": 1,
    }
    step = _INT64 | {"type": ["integer", "null"], "description": says["step"]}
    time = _TIME | {"description": says["time"]}
    row = _tuple({"const": KIND_NUMBER[kind]}, name, _VALUES[kind], time, step, rare, optional=1)
    return row | {
        "title": str(kind),
        "description": "[kind, name, value, time, step], and the rare fields if there are any",
    }


def _account() -> Schema:
    says = attributes(Account)
    fields = {
        "v": _VERSION,
        "classes": {
            "type": "object",
            "properties": {str(name): _row_of(ClassAccount, _INDEX) for name in RecordClass},
            "additionalProperties": False,
        },
        "alive": {"type": "boolean"},
        "ended": {"type": "boolean"},
        "refused": _values(_INDEX),
        "experiment": _text(limits.MAX_EXPERIMENT_BYTES),
        "started": _TIME,
    }
    optional = {"forked": {"type": "boolean"}, "failed": {"type": "boolean"}, "stopped": _TIME}
    return _map(
        {name: schema | _said(says, name) for name, schema in fields.items()},
        {name: schema | _said(says, name) for name, schema in optional.items()},
    )


def _position() -> Schema:
    holes = {"type": "object", "properties": {str(name): _INDEX for name in HoleName}, "additionalProperties": False}
    return _row_of(Position, *(holes if field.name == "holes" else _INDEX for field in dataclasses.fields(Position)))


def _receipt() -> Schema:
    row = _tuple(_WRITER, {"enum": [str(name) for name in RecordClass]}, ref("position"))
    return _map(
        {
            "v": _VERSION,
            "sink": _text(limits.MAX_STATE_BYTES),
            "positions": _array(row, limits.MAX_POSITIONS) | {"description": "[writer, class, position], each once"},
            "duplicates": _INDEX | {"description": "indexes that came again and were dropped"},
            "times": _tuple(_TIME, _TIME)
            | {"description": "of the earliest and the latest record delivered, 0.0 for none"},
        },
        {
            "ending": _row_of(Ending, {"enum": [str(name) for name in EndingState]}, _INDEX | {"minimum": 1}, _TIME)
            | {"description": "what the tracker was told last of the run's end; not there until it was"},
            "writers": _array({"type": "array", "minItems": 1}, limits.MAX_POSITIONS)
            | {
                "description": "in the place of positions that are very many: [writer, [class, field, ...], ...], "
                f"each writer once, as {limits.WRITER_BYTES} bytes, and no fields that are empty to the end"
            },
            "unlisted": _INDEX | {"description": "how many positions there are, if no message can hold them"},
        },
    )


def _bin(max_bytes: int) -> Schema:
    return {"type": "string", "maxLength": max_bytes, "x-msgpack-type": "bin"}


def _dead(cls: type, more: Schema) -> Schema:
    says = attributes(cls)
    fields = {"v": _VERSION, "sink": _text(limits.MAX_SINK_BYTES), "time": _TIME} | more
    return _map({name: schema | _said(says, name) for name, schema in fields.items()})


def _why() -> Schema:
    return {"reason": _text(limits.MAX_REASON_BYTES), "error": _text(limits.MAX_REASON_BYTES)}


def _dead_record() -> Schema:
    packed = _bin(limits.MAX_RECORD_BYTES) | {"description": "the record as it travels"}
    return _dead(RecordLetter, _why() | {"experiment": _text(limits.MAX_EXPERIMENT_BYTES), "record": packed})


def _dead_message() -> Schema:
    stored = _text(limits.MAX_SUBJECT_BYTES) | {"description": "the subject that the message was stored under"}
    held = {"subject": stored, "size": _INDEX, "data": _bin(limits.MAX_ENVELOPE_BYTES)}
    return _dead(MessageLetter, _why() | held)


def _dead_hole() -> Schema:
    return _dead(HoleNote, {"count": _INDEX | {"minimum": 1}})


def _retry() -> Schema:
    says = attributes(Retry)
    fields = {
        "v": _VERSION,
        "sink": _text(limits.MAX_SINK_BYTES),
        "letters": _array(_tuple(_INDEX, _text(limits.MAX_SUBJECT_BYTES)), limits.MAX_ITEMS),
        "taken": _array(_tuple(_WRITER, _INDEX, _INDEX), limits.MAX_ITEMS),
        "envelope": _bin(limits.MAX_ENVELOPE_BYTES),
    }
    return _map({name: schema | _said(says, name) for name, schema in fields.items()})


def _row_of(cls: type, *items: Schema) -> Schema:
    """The fields of a dataclass as an array; one schema stands for all of them."""
    names = [field.name for field in dataclasses.fields(cls)]
    says = attributes(cls)
    schemas = items if len(items) == len(names) else items * len(names)
    return _tuple(*({"title": name} | schema | _said(says, name) for name, schema in zip(names, schemas, strict=True)))


def _said(says: dict[str, str], name: str) -> Schema:
    return {"description": says[name]} if name in says else {}


def attributes(cls: type) -> dict[str, str]:
    """Return what a class's docstring says of each attribute."""
    _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    result: dict[str, str] = {}
    for line in section.splitlines():
        name, colon, says = line.strip().partition(": ")
        if colon and line.startswith("    ") and not line.startswith("     "):
            result[name] = says
        elif line.strip() and result:
            result[next(reversed(result))] += f" {line.strip()}"
    return result
