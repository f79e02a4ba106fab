"""Bytes from the wire to plain values: the part of decoding that envelopes, accounts and receipts share.

Every byte that comes in is hostile until it has been checked. What MessagePack itself would let
through and this does not: large arrays and maps that are announced but not there, keys that come
twice, extension types, and bytes behind the end.
"""

from __future__ import annotations

from typing import Any

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.errors import EnvelopeTooLarge, MalformedEnvelope, UnknownVersion

_SHOWN = 60  # characters of a refused value in an error's message


def read_map(data: bytes, max_bytes: int, max_items: int = limits.MAX_ITEMS) -> dict[str, Any]:
    """Read hostile bytes as a map with a schema version; arrays come as tuples.

    Args:
        data: what arrived.
        max_bytes: refused undecoded above this.
        max_items: of any one array or map.

    Raises:
        EnvelopeError: too large, not MessagePack, not a map, or of another version.
    """
    if len(data) > max_bytes:
        raise EnvelopeTooLarge(len(data), max_bytes)
    body = _unpack(data, max_items)
    if type(body) is not dict:
        msg = f"not a map: {shown(body)}"
        raise MalformedEnvelope(msg)
    version = body.get("v")
    if type(version) is not int or version != limits.SCHEMA_VERSION:
        raise UnknownVersion(version)
    return body


def _unpack(data: bytes, max_items: int) -> object:
    # msgpack bounds strings by the bytes that are there, but makes room for the items of an array when its header
    # announces them, 1024 arrays deep: 5 kB of headers take 82 MB without the limits, 33 MB with them (measured).
    try:
        return msgpack.unpackb(
            data,
            use_list=False,
            raw=False,
            strict_map_key=True,
            object_pairs_hook=_distinct,
            max_ext_len=0,  # an empty one comes as an ExtType, which is no type that a field has
            max_array_len=max_items,
            max_map_len=max_items,
        )
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"not MessagePack that we read: {type(error).__name__}: {error!s:.200}"
        raise MalformedEnvelope(msg) from error


def _distinct(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        # Which of the two counts is left open by MessagePack: two readers could see two bodies.
        msg = "a key comes twice"
        raise ValueError(msg)
    return result


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
        msg = f"{what}: not an index: {shown(value)}"
        raise MalformedEnvelope(msg)
    return value


def array(value: object, what: str) -> tuple[Any, ...]:
    """Return an array if it is one.

    Raises:
        MalformedEnvelope: it is not.
    """
    if type(value) is not tuple:
        msg = f"{what}: not an array: {shown(value)}"
        raise MalformedEnvelope(msg)
    return value


def text_map(value: object, what: str) -> dict[str, Any]:
    """Return a map with text keys if it is one.

    Raises:
        MalformedEnvelope: it is not.
    """
    if type(value) is not dict or not all(type(key) is str for key in value):
        msg = f"{what}: not a map with text keys: {shown(value)}"
        raise MalformedEnvelope(msg)
    return value


def counts(value: object, what: str) -> dict[str, int]:
    """Return a map of counts if it is one.

    Raises:
        MalformedEnvelope: it is not.
    """
    return {name: index(count, what) for name, count in text_map(value, what).items()}


def is_text(value: object, limit: int) -> bool:
    """Whether it is a string that is not empty and has at most ``limit`` bytes of UTF-8."""
    if type(value) is not str or not value:
        return False
    return len(value) <= limit and (value.isascii() or len(value.encode()) <= limit)


def is_time(value: object) -> bool:
    """Whether it is a float of seconds since the epoch, before the year 10000."""
    return type(value) is float and 0.0 <= value < limits.MAX_TIME


def is_step(value: object) -> bool:
    """Whether it is an integer of 64 bits with a sign."""
    return type(value) is int and limits.MIN_STEP <= value <= limits.MAX_STEP


def shown(value: object) -> str:
    """Return a value for an error's message: short, whatever it is.

    The ``repr`` of a container is not asked: nested deeply enough it raises RecursionError.
    """
    if isinstance(value, (str, bytes)):
        return repr(value[:_SHOWN])
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)[:_SHOWN]
    return f"a {type(value).__name__}"
