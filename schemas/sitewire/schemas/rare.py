"""The fields that few records have: one map behind a record's five fields, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import repeat
from typing import Any, Final

from sitewire.schemas import limits
from sitewire.schemas.column import Column, are_names_or_none, are_steps_or_none, types
from sitewire.schemas.errors import MalformedEnvelope
from sitewire.schemas.wire import is_step, is_text, shown


def _is_name(value: object) -> bool:
    return is_text(value, limits.MAX_RECORD_NAME_BYTES)


_IS_FIELD: Final[Mapping[str, Callable[[object], bool]]] = {"r": is_step, "e": is_step, "c": _is_name, "s": _is_name}
_ARE_FIELDS: Final[Mapping[str, Callable[[Column], bool]]] = {
    key: are_steps_or_none if is_field is is_step else are_names_or_none for key, is_field in _IS_FIELD.items()
}

FIELDS: Final = tuple(_IS_FIELD)
"""Round, epoch, context, series: in the order of the last fields of a ``Record``."""

NONE: Final = (None,) * len(FIELDS)
NO_COLUMNS: Final[tuple[Iterable[Any], ...]] = tuple(map(repeat, NONE))
"""The columns of records without such fields; they have no end."""

_ABSENT: Final[dict[str, Any]] = {}


def are_rare(fields: Mapping[str, object]) -> bool:
    """Whether each field, by its key on the wire, has a value that it can have."""
    return all(_IS_FIELD[key](item) for key, item in fields.items())


def read_rare(value: object) -> tuple[Any, ...]:
    """Read the map of one record into its last four fields.

    Raises:
        MalformedEnvelope: it is not one, is empty, or holds a value that a field cannot have.
    """
    if type(value) is not dict or not value or not value.keys() <= _IS_FIELD.keys():
        msg = f"r: the rare fields are {' '.join(FIELDS)}, or no map"
        raise MalformedEnvelope(msg)
    for key, item in value.items():
        if not _IS_FIELD[key](item):
            msg = f"r: not a value of the field {key}: {shown(item)}"
            raise MalformedEnvelope(msg)
    return tuple(map(value.get, FIELDS))


def read_rare_columns(items: Column) -> tuple[Iterable[Any], ...] | None:
    """Read the maps of many records into four columns.

    Args:
        items: records of five or six fields.

    Returns:
        The columns, or None if any map is not what ``read_rare`` reads.
    """
    maps = [item[5] if len(item) == 6 else _ABSENT for item in items]
    if types(maps) != {dict} or any(not item and item is not _ABSENT for item in maps):
        return None
    columns = [[item.get(key) for item in maps] for key in FIELDS]
    # Every entry has to be in one of the columns, or a key is unknown, or its value nil.
    found = sum(len(column) - column.count(None) for column in columns)
    right = found == sum(map(len, maps)) and all(map(_is_column, FIELDS, columns))
    return tuple(columns) if right else None


def _is_column(key: str, column: Column) -> bool:
    return _ARE_FIELDS[key](column)
