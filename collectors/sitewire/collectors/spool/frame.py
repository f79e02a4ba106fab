"""One record in a segment: marker, length, checksum, class, index, then the packed record.

The checksum is a CRC-32 of the packed record, begun with the index (modulo a prime: so that a flip in any of
its bytes tells) plus a salt of writer, segment and class. So it covers them all, and neither a block that the
file system put into the wrong file nor a logged text that holds another spool's bytes passes for a frame.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple, TypeAlias
from zlib import crc32

from sitewire.schemas import limits
from sitewire.schemas.codec import CLASSES

HEAD: Final = struct.Struct("<HIIBQ")
HEAD_BYTES: Final = HEAD.size
_pack: Final = HEAD.pack
MARKER: Final = 0xF5C1
"""As bytes ``C1 F5``: MessagePack never uses the first, UTF-8 neither, so data holds few false ones."""

MARKER_BYTES: Final = MARKER.to_bytes(2, "little")
MAX_FRAME_BYTES: Final = HEAD_BYTES + limits.MAX_RECORD_BYTES
CLASS_COUNT: Final = len(CLASSES)
PRIME: Final = 4294967291
"""The largest below 2**32."""

Salts: TypeAlias = tuple[int, ...]
"""Per class, what the checksums of one segment begin with."""


class Frame(NamedTuple):
    """What stood at an offset.

    Attributes:
        number: the class's position in ``schemas.codec.CLASSES``.
        index: the record's.
        end: the offset behind the frame.
    """

    number: int
    index: int  # type: ignore[assignment]  # the field is wanted, tuple.index is not
    end: int


def salts(writer: str, segment: int) -> Salts:
    """Return the salts of one segment."""
    return tuple(crc32(f"{writer}/{segment}/{number}".encode()) for number in range(CLASS_COUNT))


def encode(packed: bytes, number: int, index: int, segment_salts: Salts) -> bytes:
    """Return the frame of a packed record. Part of the log call's hot path."""
    # crc32 takes its begin modulo 2**32.
    return _pack(MARKER, len(packed), crc32(packed, index % PRIME + segment_salts[number]), number, index) + packed


def check(buffer: bytes, offset: int, segment_salts: Salts) -> Frame | None:
    """Return the frame at ``offset``, or ``None`` if what stands there is none, or not all of it."""
    if offset + HEAD_BYTES > len(buffer):
        return None
    marker, length, crc, number, index = HEAD.unpack_from(buffer, offset)
    end = offset + HEAD_BYTES + length
    if marker != MARKER or end > len(buffer) or number >= CLASS_COUNT:
        return None
    if crc32(buffer[offset + HEAD_BYTES : end], index % PRIME + segment_salts[number]) != crc:
        return None
    return Frame(number, index, end)


def needed(buffer: bytes) -> int:
    """Return how many bytes the frame at the buffer's begin takes, as its head says; 0 if there is no head."""
    if len(buffer) < HEAD_BYTES:
        return 0
    marker, length, _, _, _ = HEAD.unpack_from(buffer)
    return HEAD_BYTES + length if marker == MARKER and length <= limits.MAX_RECORD_BYTES else 0


def find(buffer: bytes, start: int, segment_salts: Salts) -> int | None:
    """Return the offset of the first frame at or behind ``start`` that checks out."""
    offset = buffer.find(MARKER_BYTES, start)
    while offset >= 0:
        if check(buffer, offset, segment_salts) is not None:
            return offset
        offset = buffer.find(MARKER_BYTES, offset + 1)
    return None
