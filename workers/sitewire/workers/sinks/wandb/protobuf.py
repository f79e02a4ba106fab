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
        key, at = varint(data, at)
        wire = key & 7
        if wire == 2:
            length, at = varint(data, at)
            if length > end - at:
                msg = f"a field of {length} bytes where {end - at} are left"
                raise ValueError(msg)
            yield key >> 3, data[at : at + length]
            at += length
        elif wire == 0:
            value, at = varint(data, at)
            yield key >> 3, value
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            msg = f"a field of wire type {wire}"
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
