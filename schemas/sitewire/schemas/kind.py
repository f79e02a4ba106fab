"""Which values the records of a kind may have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from sitewire.schemas import limits
from sitewire.schemas.record import Kind
from sitewire.schemas.wire import is_text


def _is_float(value: object) -> bool:
    return type(value) is float


def _is_string(value: object) -> bool:
    return type(value) is str


def _is_ending(value: object) -> bool:
    return type(value) is str and value in RUN_ENDS


def _is_primitive(value: object) -> bool:
    return value is None or type(value) in (str, int, float, bool)


def _is_primitive_map(value: object) -> bool:
    return type(value) is dict and all(
        is_text(key, limits.MAX_RECORD_NAME_BYTES) and _is_primitive(item) for key, item in value.items()
    )


def _is_hparams(value: object) -> bool:
    return (
        type(value) is dict
        and value.keys() == {"params", "metrics"}
        and _is_primitive_map(value["params"])
        and type(value["metrics"]) is tuple
        and all(is_text(name, limits.MAX_RECORD_NAME_BYTES) for name in value["metrics"])
    )


RUN_ENDS: Final = ("finished", "failed")
"""The values of a ``run_end``."""

IS_VALUE: Final[Mapping[Kind, Callable[[object], bool]]] = {
    Kind.SCALAR: _is_float,
    Kind.TEXT: _is_string,
    Kind.RUN_START: _is_primitive_map,
    Kind.RUN_END: _is_ending,
    Kind.PARAM: _is_primitive,
    Kind.TAG: _is_string,
    Kind.HPARAMS: _is_hparams,
    Kind.SUMMARY: _is_primitive,
    Kind.DEFINITION: _is_primitive_map,
}
"""Says of a decoded value whether it is one of the kind."""
