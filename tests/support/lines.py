"""What the files of the ``jsonl`` sink hold, read as its documentation says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from support.points import Point, float32

_NAME = re.compile(r"scalars(?:\.(\d+))?\.jsonl")


def read_lines(folder: Path) -> list[tuple[str, Point]]:
    """Return every scalar of a run in the order in which it was written."""
    return [
        (line["name"], Point(line["step"], float32(line["value"]), datetime.fromisoformat(line["time"]).timestamp()))
        for path in sorted(folder.glob("scalars*.jsonl"), key=_number)
        for line in _lines(path)
        if line.get("kind") == "scalar"
    ]


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
