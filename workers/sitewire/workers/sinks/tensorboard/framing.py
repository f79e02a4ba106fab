"""Records of an event file: length, checksum of the length, bytes, checksum of the bytes.

The format is TensorFlow's ``TFRecord``: little endian, CRC-32C, masked so that a checksum over data that holds
checksums stays strong (``tensorflow/core/lib/hash/crc32c.h``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from crc32c import crc32c

_HEADER: Final = struct.Struct("<QI")
_LENGTH: Final = struct.Struct("<Q")
_CRC: Final = struct.Struct("<I")
_CHUNK_BYTES: Final = 1 << 20
_MASK_DELTA: Final = 0xA282EAD8


def masked(data: bytes) -> int:
    """Return the checksum of the bytes as it is stored."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _header(length: int) -> bytes:
    return _HEADER.pack(length, masked(_LENGTH.pack(length)))


# Nearly all events are short: their headers are worked out once, and recognised whole.
_SHORT: Final = tuple(_header(length) for length in range(512))
_LENGTH_OF: Final = {header: length for length, header in enumerate(_SHORT)}


def framed(data: bytes) -> bytes:
    """Return the bytes as a record of an event file."""
    length = len(data)
    header = _SHORT[length] if length < len(_SHORT) else _header(length)
    crc = crc32c(data)  # `masked` written out: this runs once for every record that is logged
    return header + data + _CRC.pack((((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF)


def read_frames(file: BinaryIO) -> Iterator[bytes]:
    """Yield the records of a file up to its end, or up to the first that is torn or damaged.

    That is where TensorBoard stops too. No length is believed before its checksum was seen.
    """
    buffer, at = b"", 0
    while True:
        header = buffer[at : at + 12]
        length = _LENGTH_OF.get(header)
        if length is None:
            length = _long_length(header)
        end = at + 16 + length if length is not None else at + 12
        if end > len(buffer):
            more = file.read(max(_CHUNK_BYTES, end - len(buffer)))
            if not more:
                return
            buffer, at = buffer[at:] + more, 0
            continue
        if length is None:
            return
        data = buffer[at + 12 : end - 4]
        crc = crc32c(data)
        if _CRC.pack((((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF) != buffer[end - 4 : end]:
            return
        yield data
        at = end


def _long_length(header: bytes) -> int | None:
    if len(header) < 12:
        return None
    length, crc = _HEADER.unpack(header)
    return int(length) if crc == masked(header[:8]) else None
