"""A ``.wandb`` file as the client's records: LevelDB log blocks behind a header of seven bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time

HEADER = struct.pack("<4sHB", b":W&B", 0xBEE1, 0)
BLOCK = 32768
_CHUNK = struct.Struct("<IHB")
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def read_records(path: Path) -> Iterator[Any]:
    """Yield the records of a file, up to its end or its tear; an empty file has none."""
    data = path.read_bytes()
    if data[: len(HEADER)] != HEADER:
        assert HEADER.startswith(data[: len(HEADER)]), f"{path}: no .wandb file: {data[:7]!r}"
        return
    for payload in _joined(data):
        yield Record.FromString(payload)


def _joined(data: bytes) -> Iterator[bytes]:
    parts: list[bytes] = []
    for kind, part in _chunks(data):
        if kind in (FULL, FIRST):
            parts = []
        parts.append(part)
        if kind in (FULL, LAST):
            yield b"".join(parts)
            parts = []


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = len(HEADER)
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < _CHUNK.size:
            at += left
            continue
        if len(data) - at < _CHUNK.size:
            return
        crc, length, kind = _CHUNK.unpack_from(data, at)
        if kind == 0 and length == 0:
            at += left
            continue
        part = data[at + _CHUNK.size : at + _CHUNK.size + length]
        if len(part) < length or zlib.crc32(bytes([kind]) + part) != crc:
            return
        yield kind, part
        at += _CHUNK.size + length
