"""The few fields of W&B's records that are read back, without wandb's own classes.

Importing those imports all of wandb, which wraps standard output and starts threads: that belongs into the host alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

Field: TypeAlias = tuple[int, int | bytes]
"""A field's number, and its value: an integer, or the bytes of a text or of a message."""


def fields(data: bytes) -> Iterator[Field]:
    """Yield the fields of a message in their order; those of fixed width, which nothing here needs, are passed over.

    Raises:
        ValueError: it is no message.
    """
    at, end = 0, len(data)
    while at < end:
        key = data[at]  # nearly all keys and lengths are one byte: a call for each would cost more than the rest
        key, at = (key, at + 1) if key < 0x80 else varint(data, at)
        if key & 7 == 2:
            length = data[at] if at < end else 0x80
            length, at = (length, at + 1) if length < 0x80 else varint(data, at)
            stop = at + length
            if stop > end:
                msg = f"a field of {length} bytes where {end - at} are left"
                raise ValueError(msg)
            yield key >> 3, data[at:stop]
            at = stop
        elif key & 7 == 0:
            value, at = varint(data, at)
            yield key >> 3, value
        elif key & 7 in (1, 5):
            at += 8 if key & 7 == 1 else 4
        else:
            msg = f"a field of wire type {key & 7}"
            raise ValueError(msg)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of variable length; return it and the place behind it.

    Raises:
        ValueError: the data ends within it, or it is too long.
    """
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    msg = "an integer without its end"
    raise ValueError(msg)


def signed(value: int) -> int:
    """Return a 64-bit integer of two's complement."""
    return value - (1 << 64) if value >= 1 << 63 else value
