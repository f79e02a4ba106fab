"""One record in a segment: marker, length, checksum, class, index, then the packed record.

The checksum is a CRC-32 of the packed record, begun with a value mixed from class, index and a salt of
writer and segment: so it covers them, and neither a block that the file system put into the wrong
file nor a logged text that happens to hold another spool's bytes passes for a frame of this segment.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final, NamedTuple

from sitewire.schemas import limits
from sitewire.schemas.codec import CLASSES

HEAD: Final = struct.Struct("<HIIBQ")
HEAD_BYTES: Final = HEAD.size
MARKER: Final = 0xF5C1
"""As bytes ``C1 F5``: MessagePack never uses the first, UTF-8 neither, so data holds few false ones."""

MARKER_BYTES: Final = MARKER.to_bytes(2, "little")
MAX_FRAME_BYTES: Final = HEAD_BYTES + limits.MAX_RECORD_BYTES
CLASS_COUNT: Final = len(CLASSES)
MASK: Final = 0xFFFFFFFF


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


def salt(writer: str, segment: int) -> int:
    """Return what the checksums of one segment are mixed with."""
    return zlib.crc32(f"{writer}/{segment}".encode())


def encode(packed: bytes, number: int, index: int, segment_salt: int) -> bytes:
    """Return the frame of a packed record. Part of the log call's hot path."""
    mixed = index << 3 | number
    crc = zlib.crc32(packed, (mixed ^ mixed >> 32 ^ segment_salt) & MASK)
    return HEAD.pack(MARKER, len(packed), crc, number, index) + packed


def check(buffer: bytes, offset: int, segment_salt: int) -> Frame | None:
    """Return the frame at ``offset``, or ``None`` if what stands there is none, or not all of it."""
    if offset + HEAD_BYTES > len(buffer):
        return None
    marker, length, crc, number, index = HEAD.unpack_from(buffer, offset)
    end = offset + HEAD_BYTES + length
    if marker != MARKER or end > len(buffer) or number >= CLASS_COUNT:
        return None
    mixed = index << 3 | number
    if zlib.crc32(buffer[offset + HEAD_BYTES : end], (mixed ^ mixed >> 32 ^ segment_salt) & MASK) != crc:
        return None
    return Frame(number, index, end)


def needed(buffer: bytes) -> int:
    """Return how many bytes the frame at the buffer's begin takes, as its head says; 0 if there is no head."""
    if len(buffer) < HEAD_BYTES:
        return 0
    marker, length, _, _, _ = HEAD.unpack_from(buffer)
    return HEAD_BYTES + length if marker == MARKER and length <= limits.MAX_RECORD_BYTES else 0


def find(buffer: bytes, start: int, segment_salt: int) -> int | None:
    """Return the offset of the first frame at or behind ``start`` that checks out."""
    offset = buffer.find(MARKER_BYTES, start)
    while offset >= 0:
        if check(buffer, offset, segment_salt) is not None:
            return offset
        offset = buffer.find(MARKER_BYTES, offset + 1)
    return None
