"""Rows that the files hold and the service has not got: read back, to be sent before any other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from sitewire.workers.sinks.wandb.framing import LogReader
from sitewire.workers.sinks.wandb.protobuf import fields, signed
from sitewire.workers.sinks.wandb.records import INDEX, row_number

SentRow: TypeAlias = tuple[int, dict[str, Any]]
"""Number and values of a row, as the service has it: its index is the files' affair."""

_THE_CLIENTS: Final = frozenset({"_step", "_runtime", INDEX})
_HISTORY: Final = 2


def unsent_rows(files: Sequence[Path], first: int, end: int) -> Iterator[SentRow]:
    """Yield the rows from ``first`` up to ``end``, each once, in their order.

    Args:
        files: the run's ``.wandb`` files.
        first: the first row that the service has not got.
        end: the number behind the last one wanted.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is not of a version that this build reads.
    """
    for path in _in_order(files, first):
        for data in LogReader(path).each():
            found = _row(data, first, end)
            if found is not None:
                first = found[0] + 1
                yield found


def _in_order(files: Sequence[Path], first: int) -> list[Path]:
    """Return the files that can hold rows from ``first`` on, by the rows that they begin with: clocks go back."""
    begin = {path: _first_row(path) for path in files}
    found = sorted((number, path) for path, number in begin.items() if number is not None)
    before = sum(number <= first for number, _ in found)
    return [path for _, path in found[max(before - 1, 0) :]]


def _first_row(path: Path) -> int | None:
    return next((number for data in LogReader(path).each() if (number := row_number(data)) is not None), None)


def as_sent(rows: Sequence[SentRow]) -> list[SentRow]:
    """Return rows as they were handed to the client that writes the files, without their index."""
    return [(number, {key: value for key, value in values.items() if key != INDEX}) for number, values in rows]


def _row(data: bytes, first: int, end: int) -> SentRow | None:
    for number, value in fields(data):
        if number == _HISTORY and isinstance(value, bytes):
            parts = list(fields(value))
            step = next((_number(part) for at, part in parts if at == 2), 0)
            return (step, _values(parts)) if first <= step < end else None
    return None


def _values(parts: Sequence[tuple[int, int | bytes]]) -> dict[str, Any]:
    items = dict(_item(part) for at, part in parts if at == 1 and isinstance(part, bytes))
    return {key: value for key, value in items.items() if key not in _THE_CLIENTS}


def _item(data: bytes) -> tuple[str, Any]:
    """Return key and value of one item of a row; our rows have no nested ones."""
    texts = {at: part.decode() for at, part in fields(data) if isinstance(part, bytes)}
    return texts.get(1) or texts.get(2, ""), json.loads(texts.get(16, "null"))


def _number(data: int | bytes) -> int:
    num = dict(fields(data)).get(1, 0) if isinstance(data, bytes) else 0
    return signed(num) if isinstance(num, int) else 0
