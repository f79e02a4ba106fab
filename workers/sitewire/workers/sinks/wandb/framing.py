"""Bytes of a ``.wandb`` file back to records: blocks as LevelDB's log has them.

A header of 7 bytes; then blocks of 32 KiB, counted from the file's start, of chunks: CRC-32 of type and data,
length, type, data. A record is one chunk (FULL) or several (FIRST, MIDDLE, LAST). Zeros, or less than a chunk's
header, fill up a block.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

HEADER: Final = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
PIECE_BYTES: Final = 1 << 20
"""Read at once: a whole file and its records in memory, of one run after the other, made a worker grow for an hour."""

_BLOCK: Final = 32768
_CHUNK: Final = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
_CRC_OF_TYPE: Final = [zlib.crc32(bytes([kind])) for kind in range(256)]


class LogReader:
    """Reads a file that another process appends to, from where the last look ended.

    Attributes:
        path: the file.
        size: bytes in front of which all is read.
        damaged: whether what lies behind them is whole in length and has another checksum.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.damaged = False

    def new(self) -> list[bytes]:
        """Return the records that have become complete since the last look, up to the first that is torn or damaged.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no ``.wandb`` file of a version that this build knows.
        """
        return list(self.each())

    def each(self) -> Iterator[bytes]:
        """Yield the same a piece of the file at a time; what a piece holds counts as read when the first of it comes.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no ``.wandb`` file of a version that this build knows.
        """
        wanted = PIECE_BYTES
        with self.path.open("rb") as file:
            while True:
                file.seek(self.size)
                data = file.read(wanted)
                found = self._take(data)
                yield from found
                if len(data) < wanted or self.damaged:
                    return
                wanted = PIECE_BYTES if found else wanted * 2  # for a record that is larger than a piece

    def _take(self, data: bytes) -> list[bytes]:
        start = 0
        if self.size == 0:
            if len(data) < len(HEADER):
                return []
            if not data.startswith(HEADER):
                msg = f"{self.path}: begins with {data[: len(HEADER)]!r}, not with {HEADER!r}"
                raise ValueError(msg)
            start = len(HEADER)
        found, end, self.damaged = _records(data, start, self.size)
        self.size += end
        return found


class _Damaged(Exception):
    """A chunk has another checksum than its data."""


def _records(data: bytes, at: int, origin: int) -> tuple[list[bytes], int, bool]:
    """Return whole records, the place in ``data`` behind the last of them, and whether damage lies there."""
    found: list[bytes] = []
    parts: list[bytes] = []
    end = at
    try:
        for kind, part, behind in _chunks(data, at, origin):
            if kind in (_FIRST, _MIDDLE):
                parts = [part] if kind == _FIRST else [*parts, part]
                continue
            found.append(b"".join((*parts, part)) if kind == _LAST else part)
            end = behind
    except _Damaged:
        return found, end, True
    return found, end, False


def _chunks(data: bytes, at: int, origin: int) -> Iterator[tuple[int, bytes, int]]:
    """Yield type, data and end of each chunk in front of the data's end."""
    while len(data) - at >= _CHUNK.size:
        left = _BLOCK - (origin + at) % _BLOCK
        crc, length, kind = _CHUNK.unpack_from(data, at)
        if left < _CHUNK.size or (kind == 0 and length == 0):
            if any(data[at : at + left]):
                raise _Damaged
            at += left
            continue
        begin, end = at + _CHUNK.size, at + _CHUNK.size + length
        part = data[begin:end]
        if length > left - _CHUNK.size:
            raise _Damaged
        if len(part) < length:
            return
        if zlib.crc32(part, _CRC_OF_TYPE[kind]) != crc:
            raise _Damaged
        yield kind, part, end
        at = end
