"""Bytes of MessagePack that stand for values which nobody logs."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import msgpack

_MANY: Final = b"\xff\xff\xff\xff"

NUMBERS: Final[dict[str, bytes]] = {
    f"integer {number}": msgpack.packb(number)
    for number in (0, -1, 2**31, 2**53 + 1, 2**60, 2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**63))
} | {
    "a NaN with a payload": b"\xcb\x7f\xf8\xde\xad\xbe\xef\x00\x01",
    "a signalling NaN": b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x01",
    "a negative NaN": b"\xcb\xff\xf8\x00\x00\x00\x00\x00\x00",
    "a short signalling NaN": b"\xca\x7f\xa0\x00\x01",
    "infinity": b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    "minus infinity": b"\xcb\xff\xf0\x00\x00\x00\x00\x00\x00",
    "1e308": b"\xcb" + struct.pack(">d", 1e308),
    "the largest float": b"\xcb\x7f\xef\xff\xff\xff\xff\xff\xff",
    "a subnormal": b"\xcb\x00\x00\x00\x00\x00\x00\x00\x01",
    "minus zero": b"\xcb\x80\x00\x00\x00\x00\x00\x00\x00",
    "a short float": b"\xca\x3f\x80\x00\x00",
}

TEXTS: Final[dict[str, bytes]] = {
    "bytes that are no UTF-8": b"\xa2\xff\xfe",
    "a lone surrogate": b"\xa3\xed\xa0\x80",
    "a NUL written in two bytes": b"\xa2\xc0\x80",
    "UTF-8 beyond Unicode": b"\xa4\xf5\x80\x80\x80",
    "a text that is cut in a character": b"\xa1\xe2",
    "an escape sequence": msgpack.packb("\x1b[2J\x1b]0;mine\x07"),
    "lines": msgpack.packb("a\r\nb\x00c\u2028d"),
    "a path": msgpack.packb("../../../../etc/passwd"),
    "a formula of a subject": msgpack.packb("metrics.victim.*.>"),
    "ten kilobytes": msgpack.packb("x" * 10_000),
    "text from right to left": msgpack.packb("\u202eevil"),
    "no text": b"\xa0",
}

STRUCTURES: Final[dict[str, bytes]] = {
    "nil": b"\xc0",
    "true": b"\xc3",
    "the type that is never used": b"\xc1",
    "no items": b"\x90",
    "no pairs": b"\x80",
    "an extension": msgpack.packb(msgpack.ExtType(5, b"x")),
    "an empty extension": msgpack.packb(msgpack.ExtType(5, b"")),
    "a timestamp": msgpack.packb(msgpack.Timestamp(1, 0)),
    "a broken timestamp": b"\xd4\xff\x00",
    "a map with a number for a key": b"\x81\x01\x02",
    "a map with a map for a key": b"\x81\x81\x01\x02\x03",
    "a key that comes twice": b"\x82\xa1v\x01\xa1v\x01",
    "bytes": b"\xc4\x04\x00\xff\x80\xc1",
    "a zlib stream": msgpack.packb(zlib.compress(bytes(100_000))),
    "a hundred levels": b"\x91" * 100 + b"\xc0",
    "1023 levels": b"\x91" * 1023 + b"\xc0",
    "3000 levels": b"\x91" * 3000 + b"\xc0",
    "a thousand maps": b"\x81\xa1v" * 1000 + b"\xc0",
}

ANNOUNCED: Final[dict[str, bytes]] = {
    "a text of 4 G": b"\xdb" + _MANY,
    "bytes of 4 G": b"\xc6" + _MANY,
    "an array of 4 G": b"\xdd" + _MANY,
    "a map of 4 G": b"\xdf" + _MANY,
    "an extension of 4 G": b"\xc9" + _MANY + b"\x05",
    "an array of 2**16": b"\xdc\xff\xff",
    "a map of 2**16": b"\xde\xff\xff",
}

VALUES: Final = tuple((NUMBERS | TEXTS | STRUCTURES | ANNOUNCED).values())
"""Each of them in the place of any value."""
