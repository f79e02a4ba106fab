"""How far a run has come, in tags: ``sitewire.at.<writer>.<class>``, a JSON list of the fields of a ``Position``.

MLflow stores a request's params, its metrics and its tags one after another, so a tag may lag behind the rows that
it counts, and never leads. What lies between is sent again, and is the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Position, StreamKey, position_fields, read_position
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import parse_writer
from sitewire.workers.errors import PlaceUnreadable

_PREFIX: Final = "sitewire.at."


def position_tag(key: StreamKey) -> str:
    """Return the name of the tag that holds a numbering's position."""
    return f"{_PREFIX}{key.writer}.{key.record_class}"


def is_position(tag: str) -> bool:
    """Whether a tag of that name holds a position: the run was written to."""
    return tag.startswith(_PREFIX)


def encode_position(position: Position) -> str:
    """Return a position as the value of its tag."""
    return json.dumps(position_fields(position), separators=(",", ":"))


def read_positions(tags: Mapping[str, str]) -> dict[StreamKey, Position]:
    """Return the positions among a run's tags.

    Raises:
        PlaceUnreadable: somebody has edited one, or a later version has written it.
    """
    return dict(_read(name, value) for name, value in tags.items() if is_position(name))


def _read(name: str, value: str) -> tuple[StreamKey, Position]:
    writer, _, record_class = name.removeprefix(_PREFIX).partition(".")
    try:
        return StreamKey(parse_writer(writer), RecordClass(record_class)), read_position(json.loads(value))
    except (ValueError, RecursionError, SchemaError) as error:
        msg = f"tag {name} of the run: {error}"
        raise PlaceUnreadable(msg) from error
