"""A ``.wandb`` file read on while it grows."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from support.wandb.framing import BLOCK, FULL, HEADER, LAST
from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time

_CHUNK: Final = struct.Struct("<IHB")


class Tail:
    """The records of a file that have come since the last look. Checks no sums: who looks again sees what was torn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._at = len(HEADER)

    def read(self) -> Iterator[Any]:
        """Yield the client's records that are whole now and were not before."""
        with self._path.open("rb") as file:
            file.seek(self._at)
            data = file.read()
        begin, at, parts = self._at, self._at, list[bytes]()
        while at - begin + _CHUNK.size <= len(data):
            if BLOCK - at % BLOCK < _CHUNK.size:
                at += BLOCK - at % BLOCK
                continue
            _, length, kind = _CHUNK.unpack_from(data, at - begin)
            at += _CHUNK.size + length
            if at - begin > len(data):
                return
            parts.append(data[at - begin - length : at - begin])
            if kind in (FULL, LAST):
                yield Record.FromString(b"".join(parts))
                parts, self._at = [], at
