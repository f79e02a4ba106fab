"""A file of frames: a header, frames back to back, and zeros where nothing has been written yet.

A segment that was only prepared is all zeros. Its header is written when the writer moves into it, which is also
how a reader sees that the one before is complete.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from sitewire.collectors.spool import frame, storage
from sitewire.collectors.spool.state import MAX_CLASSES
from sitewire.collectors.spool.storage import Storage
from sitewire.schemas.codec import CLASSES

VERSION: Final = 1
HEADER_BYTES: Final = 256
FIRST_BYTES: Final = 1 << 20
MOST_BYTES: Final = 8 << 20
LEAST_BYTES: Final = 1 << 19
"""Holds any record; a writer with a small limit has segments of this size."""

_MAGIC: Final = b"SWSPOOL\n"
_HEADER: Final = struct.Struct(f"<8sHQ{MAX_CLASSES}Q")
_CRC: Final = struct.Struct("<I")
_PADDING: Final = (0,) * (MAX_CLASSES - len(CLASSES))


class Header(NamedTuple):
    """What a segment's header says.

    Attributes:
        begun: the writer has moved into it; everything in the segments before has been written.
        firsts: per class the first index that it can hold; ``None`` if that is damaged or not said yet.
    """

    begun: bool
    firsts: tuple[int, ...] | None


@dataclass(slots=True)
class Segment:
    """One that is being written.

    Attributes:
        number: its place in the order of segments.
        capacity: bytes, header included.
        salts: what its checksums begin with, per class.
        storage: where the bytes go.
    """

    number: int
    capacity: int
    salts: frame.Salts
    storage: Storage

    def begin(self, firsts: Sequence[int]) -> None:
        """Write the header.

        Raises:
            OSError: the disk did not take it.
        """
        body = _HEADER.pack(_MAGIC, VERSION, self.number, *firsts, *_PADDING)
        self.storage.write(0, body + _CRC.pack(zlib.crc32(body)))


def prepare(directory: Path, writer: str, number: int, size: int, *, mapped: bool) -> Segment:
    """Make a segment's file with all its room.

    Raises:
        OSError: there is no room, or the directory is gone; nothing is left behind.
    """
    made = storage.create(path_of(directory, number), size, mapped=mapped)
    return Segment(number, size, frame.salts(writer, number), made)


def size_of(number: int, limit: int) -> int:
    """Return the bytes of a writer's ``number``-th segment: 1 MiB, doubling to 8, at most a quarter of the limit."""
    usual: int = min(FIRST_BYTES << min(number, 8), MOST_BYTES)
    page = storage.PAGE_BYTES
    return max(min(usual, limit // 4 // page * page), LEAST_BYTES)


def path_of(directory: Path, number: int) -> Path:
    """Return where a segment lies."""
    return directory / f"{number:08d}.seg"


def numbers(directory: Path) -> list[int]:
    """Return the numbers of the segments that there are, ascending; none where the directory is gone."""
    try:
        names = [path.name for path in directory.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(name[:-4]) for name in names if name.endswith(".seg") and name[:-4].isdecimal())


def read_header(directory: Path, number: int) -> Header:
    """Return a segment's header; that of one that has not begun where there is no such file."""
    try:
        with path_of(directory, number).open("rb") as file:
            data = file.read(HEADER_BYTES)
    except FileNotFoundError:
        data = b""
    return _parse_header(data, number)


def _parse_header(data: bytes, number: int) -> Header:
    body = data[: _HEADER.size]
    begun = any(body)
    if len(data) < _HEADER.size + _CRC.size or _CRC.unpack_from(data, _HEADER.size)[0] != zlib.crc32(body):
        return Header(begun, None)
    magic, version, said, *firsts = _HEADER.unpack(body)
    if (magic, version, said) != (_MAGIC, VERSION, number):
        return Header(begun, None)
    return Header(begun, tuple(firsts[: len(CLASSES)]))
