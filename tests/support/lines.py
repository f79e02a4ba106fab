"""What the files of the ``jsonl`` sink hold, read as its documentation says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from support.points import Point, float32

_NAME = re.compile(r"scalars(?:\.(\d+))?\.jsonl")


def read_lines(folder: Path) -> list[tuple[str, Point]]:
    """Return every scalar of a run in the order in which it was written."""
    return [
        (line["name"], Point(line["step"], float32(line["value"]), datetime.fromisoformat(line["time"]).timestamp()))
        for path in in_order(folder)
        for line in _lines(path)
        if line.get("kind") == "scalar"
    ]


def in_order(folder: Path) -> list[Path]:
    """Return the files with a run's scalars, the first one first."""
    return sorted(folder.glob("scalars*.jsonl"), key=_number)


def counting_lines(folder: Path) -> Callable[[], int]:
    """Return what counts the scalars of a run, reading on from where it was."""
    files: dict[Path, tuple[int, int]] = {}

    def count() -> int:
        for path in folder.glob("scalars*.jsonl"):
            at, lines = files.get(path, (0, 0))
            with path.open("rb") as file:
                file.seek(at)
                lines += file.read().count(b"\n")
                files[path] = file.tell(), lines
        return sum(lines for _, lines in files.values())

    return count


def _number(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    assert match is not None, path
    return int(match[1] or 1)


def _lines(path: Path) -> Iterator[Any]:
    for text in path.read_text().splitlines():
        try:
            yield json.loads(text)
        except ValueError:
            return  # torn: its owner died, and the next file goes on
