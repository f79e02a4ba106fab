"""What a log call was given, to the value that a record of its kind holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sitewire.collectors.errors import Refused
from sitewire.collectors.refusals import Reason, describe
from sitewire.collectors.values import as_name, as_params, as_primitive, as_scalar, as_text
from sitewire.schemas.codec import pack_record
from sitewire.schemas.errors import RecordRefused
from sitewire.schemas.record import Kind, Record, Value


def convert(kind: Kind, value: object) -> Value:
    """Return the value of a record of this kind.

    Raises:
        Refused: it cannot be one, or the kind is none that log calls write.
    """
    conversion = _CONVERT.get(kind)
    if conversion is None:
        raise Refused(Reason.VALUE, f"a {kind} is written by the run itself")
    return conversion(value)


def check_size(record: Record) -> None:
    """Check a record whose fields are all right for what only the whole can be.

    Raises:
        Refused: it is too large.
    """
    try:
        pack_record(record)
    except RecordRefused as error:  # each field was checked before: only the whole can be too much
        raise Refused(Reason.TOO_LARGE, f"{describe(record.name)}: {error}") from error


def numbers_of(metrics: object, value: object) -> list[tuple[Any, object]]:
    """Return names and numbers as ``Run.log`` takes them: a mapping, or one name and its number.

    Raises:
        Refused: neither.
        Exception: whatever a foreign mapping raises.
    """
    if isinstance(metrics, str):
        return [(metrics, value)]
    if not isinstance(metrics, Mapping):
        raise Refused(Reason.NAME, f"neither a name nor a mapping: {describe(metrics)}")
    return list(metrics.items())


def _hparams(value: Mapping[str, object]) -> Mapping[str, object]:
    metrics = value["metrics"]
    if not isinstance(metrics, Mapping):
        raise Refused(Reason.VALUE, f"metrics are a mapping, not {describe(metrics)}")
    return {"params": as_params(value["params"]), "metrics": [as_name(name) for name in metrics]}


def _tag(value: object) -> str:
    try:
        return as_text(value if isinstance(value, str) else str(value))
    except Exception as error:  # str() is foreign code here and may raise anything
        raise Refused(Reason.VALUE, f"nothing that can be written: {describe(value)}") from error


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused(Reason.VALUE, f"neither true nor false: {describe(value)}")
    return value


def _definition(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not value.keys() <= _HOW.keys():
        raise Refused(Reason.VALUE, f"a definition is a mapping with the keys {', '.join(_HOW)}: {describe(value)}")
    return {key: _HOW[key](item) for key, item in value.items()}


_HOW: Final[Mapping[str, Callable[[object], object]]] = {
    "step_metric": as_name,
    "summary": as_text,
    "goal": as_text,
    "hidden": _flag,
}

_CONVERT: Final[Mapping[Kind, Callable[[Any], Value]]] = {
    Kind.SCALAR: as_scalar,
    Kind.TEXT: as_text,
    Kind.PARAM: as_primitive,
    Kind.TAG: _tag,
    Kind.HPARAMS: _hparams,
    Kind.SUMMARY: as_primitive,
    Kind.DEFINITION: _definition,
}
