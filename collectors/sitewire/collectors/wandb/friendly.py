"""Values of a config as W&B keeps them: what JSON can hold, and the text of everything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date
from enum import Enum
from typing import Final

from sitewire.collectors.refusals import describe
from sitewire.collectors.wandb.row import MAX_DEPTH
from sitewire.collectors.wandb.stand_ins import StandIn

_MAX_LISTED: Final = 32
"""Elements up to which W&B lists an array; of a larger one it keeps the text."""


def friendly(value: object, depth: int = 1) -> object:
    """Return what ``config[name]`` gives back after this value was put there.

    Numbers of any library become Python's, tuples and sets lists, dataclasses dictionaries, enumerations
    and functions their names, NaN nothing; what is left becomes its ``str()``.
    """
    if depth > MAX_DEPTH:
        return describe(value)
    try:
        return _friendly(value, depth)
    except Exception:  # noqa: BLE001  properties and conversions of foreign values may raise anything
        return describe(value)


def _friendly(value: object, depth: int) -> object:
    if value is None or type(value) in (str, bool, int) or isinstance(value, StandIn):
        return value
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value, depth)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: friendly(getattr(value, field.name), depth + 1) for field in fields(value)}
    if callable(value):
        return _qualified(value)
    return _foreign(value, depth)


def _mapping(value: Mapping[object, object], depth: int) -> object:
    return {name: friendly(item, depth + 1) for name, item in value.items()}


def _sequence(value: Sequence[object] | AbstractSet[object], depth: int) -> object:
    return [friendly(item, depth + 1) for item in value]


def _float(value: float, _depth: int) -> object:
    return None if math.isnan(value) else float(value)


def _foreign(value: object, depth: int) -> object:
    item, size = getattr(value, "item", None), getattr(value, "size", None)
    count = size() if callable(size) else size
    if callable(item) and count in (1, None):
        return friendly(item(), depth + 1)
    if isinstance(count, int) and count <= _MAX_LISTED:
        return friendly(value.tolist(), depth + 1)  # type: ignore[attr-defined]  # an array; what is none has its text
    return str(value)


def _qualified(value: Callable[..., object]) -> str:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    return f"{module}.{name}" if module and name else str(value)


_CONVERSIONS: Final[tuple[tuple[type | tuple[type, ...], Callable[..., object]], ...]] = (
    (Enum, lambda value, _depth: value.name),
    (str, lambda value, _depth: str.__str__(value)),
    (float, _float),
    (bool, lambda value, _depth: bool(value)),
    (int, lambda value, _depth: int(value)),
    (bytes, lambda value, _depth: value.decode()),
    (date, lambda value, _depth: value.isoformat()),
    (Mapping, _mapping),
    (slice, lambda value, depth: _mapping({f"slice_{k}": getattr(value, k) for k in ("start", "step", "stop")}, depth)),
    ((Sequence, AbstractSet), _sequence),
)
