"""Messages that are small for who sends them and meant to be dear for who reads them."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from typing import Final

import msgpack

from sitewire.schemas import limits
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject

WRITER: Final = "ab" * 16
MIB: Final = 1 << 20
LARGEST: Final = limits.MAX_ENVELOPE_BYTES
_LEVELS: Final = 1_000_000
_DEEP: Final = b"\x91" * 1000 + b"\xc0"
"""As much as MessagePack's reader takes, and more than a ``repr`` can print."""

_VALUE: Final = b"\xcb" + bytes(8)


def _filled(head: bytes, repeated: bytes, size: int = LARGEST) -> bytes:
    return head + repeated * ((size - len(head)) // len(repeated))


def _envelope(key: str, value: bytes, record_class: RecordClass = RecordClass.SCALARS) -> bytes:
    body = {"v": 1, "w": bytes.fromhex(WRITER), "c": str(record_class), "f": 0, "e": "default", "h": (), "r": ()}
    marked = msgpack.packb(body | {key: "#" * 7})
    return bytes(marked.replace(msgpack.packb("#" * 7), value))


def _array(count: int) -> bytes:
    return b"\xdd" + struct.pack(">I", count)


def subject_of(record_class: RecordClass = RecordClass.SCALARS) -> str:
    """Return the subject under which those that look like envelopes are meant to be read."""
    return str(Subject(RunKey("clinic", "job"), record_class, WRITER))


@cache
def large_records() -> dict[str, tuple[RecordClass, bytes]]:
    """Return records that are larger than a log call lets any be, in envelopes that are not too large, by name."""
    text, params = msgpack.packb("x" * 400_000), {f"{number:0100}": number for number in range(4000)}
    return {
        "a text of 400 kB": (RecordClass.MEDIA, _record(RecordClass.MEDIA, 1, text)),
        "a tag of 400 kB": (RecordClass.RUN, _record(RecordClass.RUN, 5, text)),
        "params of 400 kB": (
            RecordClass.RUN,
            _record(RecordClass.RUN, 6, msgpack.packb({"params": params, "metrics": ()})),
        ),
    }


def _record(record_class: RecordClass, kind: int, value: bytes) -> bytes:
    packed = msgpack.packb((kind, "sample", "#" * 7, 1.7e9, None)).replace(msgpack.packb("#" * 7), value)
    return _envelope("r", b"\x91" + packed, record_class)


@cache
def bombs() -> dict[str, bytes]:
    """Return the others by name."""
    compressed = zlib.compress(bytes(100 * MIB), 9)
    return {
        "empty": b"",
        "1 MiB": bytes(MIB),
        "1 MiB and one": bytes(MIB + 1),
        "1 MiB and one of a text": msgpack.packb({"v": "x" * MIB}),
        "all that is allowed, of zeros": bytes(LARGEST),
        "all that is allowed, of ones": b"\xff" * LARGEST,
        "one byte too many": b"\x91" * (LARGEST + 1),
        "a million levels": b"\x91" * _LEVELS + b"\xc0",
        "a million levels of maps": b"\x81\xa1v" * _LEVELS + b"\xc0",
        "as many levels as are allowed": _filled(b"", b"\x91"),
        "as many levels of maps": _filled(b"", b"\x81\xa1v"),
        "levels in the place of the version": _envelope("v", b"\x91" * 100_000 + b"\xc0"),
        "levels in the place of the records": _envelope("r", b"\x91" * 1000 + b"\xc0"),
        "arrays of 4 G in arrays of 4 G": _filled(b"", b"\xdd\xff\xff\xff\xff"),
        "maps of 4 G in maps of 4 G": _filled(b"", b"\xdf\xff\xff\xff\xff\xa1v"),
        **{f"a thousand levels in the place of {key}": _envelope(key, _DEEP) for key in "vwcfeh"},
        "a thousand levels in the place of a time": _envelope("r", b"\x91\x95\x00\xa4loss" + _VALUE + _DEEP + b"\xc0"),
        "arrays of 2**16 in arrays of 2**16": b"\xdc\xff\xff" * 1000,
        "arrays of 500,000 in arrays of 500,000": _filled(b"", b"\xdd\x00\x07\xa1\x20"),
        "arrays of 4096 in arrays of 4096": _filled(b"", b"\xdc\x10\x00"),
        "maps of 4096 in maps of 4096": _filled(b"", b"\xde\x10\x00\xa1v"),
        "a text of 4 G": _envelope("e", b"\xdb\xff\xff\xff\xff"),
        "bytes of 4 G": _envelope("w", b"\xc6\xff\xff\xff\xff"),
        "an array of 4 G": _envelope("r", b"\xdd\xff\xff\xff\xff"),
        "a map of 4 G": b"\xdf\xff\xff\xff\xff",
        "an extension of 4 G": _envelope("e", b"\xc9\xff\xff\xff\xff\x05"),
        "as many empty arrays as fit": _envelope("r", _filled(_array(LARGEST - 200), b"\x90", LARGEST - 150)),
        "a record of half a million items": _envelope(
            "r", b"\x91" + _filled(_array(LARGEST - 300), b"\xc0", LARGEST - 200)
        ),
        "keys that all hash alike": _same_hashes(),
        "one text of half a MiB for a name": _envelope("e", b"\xdb\x00\x07\xf0\x00" + b"x" * 0x7F000),
        "a zlib bomb of 100 MiB": compressed,
        "a zlib bomb for an experiment": _envelope("e", msgpack.packb(compressed)),
        "a zstd bomb of 1 GiB": _zstd_of_zeros(8192),
        "a gzip bomb": b"\x1f\x8b" + compressed,
    }


def _zstd_of_zeros(blocks: int) -> bytes:
    """Return a frame of blocks of 128 KiB, each one byte that is repeated (RFC 8878): 4 bytes a block."""
    head = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", blocks << 17)
    sizes = (((1 << 17) << 3) | 1 << 1 | (number == blocks - 1) for number in range(blocks))
    return head + b"".join(size.to_bytes(3, "little") + b"\x00" for size in sizes)


def _same_hashes() -> bytes:
    """Python's texts hash with a secret, its integers do not: keys that are none are refused before they are kept."""
    pairs = b"".join(b"\xcf" + struct.pack(">Q", number * (2**61 - 1)) + b"\xc0" for number in range(8))
    return b"\xde\x0f\xff" + pairs * 511
