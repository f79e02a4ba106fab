"""``.wandb`` files as a test wants them: framed by a writer of the tests' own, their records by wandb's classes."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.wandb.framing import BLOCK, FIRST, FULL, HEADER, LAST, MIDDLE
from wandb.proto.wandb_internal_pb2 import Record  # pyright: ignore[reportAttributeAccessIssue]  # protobuf


def framed(records: Iterable[bytes]) -> bytes:
    """Return a file's bytes."""
    data = bytearray(HEADER)
    for record in records:
        kind, rest = FIRST, record
        while True:
            left = BLOCK - len(data) % BLOCK
            if left < 7:
                data += bytes(left)
                continue
            part, rest = rest[: left - 7], rest[left - 7 :]
            whole = kind == FIRST
            kind = (FULL if whole else LAST) if not rest else (FIRST if whole else MIDDLE)
            data += struct.pack("<IHB", zlib.crc32(bytes([kind]) + part), len(part), kind) + part
            if not rest:
                break
            kind = MIDDLE
    return bytes(data)


def row(number: int, values: Mapping[str, Any]) -> bytes:
    """Return a history row."""
    record = Record()
    record.history.step.num = number
    for key, value in values.items():
        item = record.history.item.add()
        item.nested_key.append(key)
        item.value_json = json.dumps(value)
    return bytes(record.SerializeToString())


def run(name: str, started: int = 1, config: Mapping[str, Any] | None = None) -> bytes:
    """Return the record that a segment begins with."""
    record = Record()
    record.run.run_id = name
    record.run.project = "p"
    record.run.start_time.seconds = started
    for key, value in (config or {}).items():
        item = record.run.config.update.add()
        item.key = key
        item.value_json = json.dumps(value)
    return bytes(record.SerializeToString())


def write_segment(place: Path, name: str, folder: str, data: bytes) -> Path:
    """Write a segment's file and return it; ``folder`` is what follows ``offline-run-``."""
    path = place / "wandb" / f"offline-run-{folder}" / f"run-{name}.wandb"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    return path
