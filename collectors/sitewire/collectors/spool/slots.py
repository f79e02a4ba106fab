"""Two checksummed copies of one small record in one page, written in turn.

A reader takes the newer one that checks out, so a write that was torn by a kill, a concurrent read or a
flipped byte costs at most one step back. Written in place: a full disk cannot refuse it.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, TypeAlias

PAGE_BYTES: Final = 4096
_SLOT_BYTES: Final = PAGE_BYTES // 2
_CRC: Final = struct.Struct("<I")

Values: TypeAlias = tuple[int | float, ...]


class Slots:
    """The codec of one such page.

    Args:
        magic: eight bytes that say what the page holds, and in which version.
        layout: of the values, as ``struct`` wants it.
    """

    def __init__(self, magic: bytes, layout: str) -> None:
        self._magic = magic
        self._body = struct.Struct(f"<8sQ{layout}")

    def encode(self, sequence: int, values: Sequence[float]) -> tuple[int, bytes]:
        """Return where the ``sequence``-th version goes, and its bytes."""
        body = self._body.pack(self._magic, sequence, *values)
        return sequence % 2 * _SLOT_BYTES, _CRC.pack(zlib.crc32(body)) + body

    def newest(self, page: bytes) -> tuple[int, Values] | None:
        """Return the sequence and values of the newest version that checks out."""
        found = [slot for start in (0, _SLOT_BYTES) if (slot := self._decode(page, start)) is not None]
        return max(found, default=None)

    def _decode(self, page: bytes, start: int) -> tuple[int, Values] | None:
        body = page[start + _CRC.size : start + _CRC.size + self._body.size]
        if len(body) < self._body.size or _CRC.unpack_from(page, start)[0] != zlib.crc32(body):
            return None
        magic, sequence, *values = self._body.unpack(body)
        return (sequence, tuple(values)) if magic == self._magic else None
