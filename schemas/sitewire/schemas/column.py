"""One field of many decoded records at once: whether all of them are what ``wire`` would let through."""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType
from typing import Any, Final, TypeAlias

from sitewire.schemas import limits
from sitewire.schemas.wire import is_step, is_text, is_time

Column: TypeAlias = Sequence[Any]

_STEPS: Final = frozenset({int, NoneType})
_NAMES: Final = frozenset({str, NoneType})


def types(column: Column) -> set[type]:
    """Return the types that occur; True is not an int here."""
    return set(map(type, column))


def are_times(column: Column) -> bool:
    """Whether each is a time."""
    # A NaN may hide from min and max, but not from a sum.
    return types(column) == {float} and is_time(min(column)) and is_time(max(column)) and sum(column) >= 0.0


def are_steps_or_none(column: Column) -> bool:
    """Whether each is a step or None."""
    found = types(column)
    if not found <= _STEPS:
        return False
    known = column if NoneType not in found else [step for step in column if step is not None]
    return not known or (is_step(min(known)) and is_step(max(known)))


def are_names_or_none(column: Column) -> bool:
    """Whether each is a record's name, or the like, or None."""
    if not types(column) <= _NAMES:
        return False
    return all(is_text(name, limits.MAX_RECORD_NAME_BYTES) for name in set(column) if name is not None)
