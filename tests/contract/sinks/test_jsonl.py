"""The JSON lines sink against the contract of sinks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sitewire.schemas.ending import Ending
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.jsonl import JsonlSink
from sitewire.workers.sinks.jsonl.lines import finite, iso_time
from sitewire.workers.sinks.testing import SinkContract
from sitewire.workers.sinks.testing.hooks import Entry


class TestJsonlSink(SinkContract):
    sink_type = JsonlSink
    ends = True

    def options(self, place: Path) -> Mapping[str, Any]:
        return {"dir": str(place)}

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        site, run = key.tokens
        for line in read_lines(place / run / site):
            if "kind" in line:
                assert line["time"].endswith("Z")
                point = (*(line[name] for name in ("kind", "time", "step")), json.dumps(line["value"]))
                yield (line.get("series"), line["name"]), (*point, line.get("round"), line.get("context"))

    def read_ending(self, place: Path, key: RunKey) -> Ending:
        site, run = key.tokens
        shown = json.loads((place / run / site / "ending.json").read_text("ascii"))
        assert shown["time"].endswith("Z")
        return Ending(shown["state"], shown["attempt"], datetime.fromisoformat(shown["time"]).timestamp())

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        for record in records:
            point = (str(record.kind), iso_time(record.time), record.step, json.dumps(finite(record.value)))
            yield (record.series, record.name), (*point, record.round, record.context)


def read_lines(folder: Path) -> Iterator[dict[str, Any]]:
    """As the sink's documentation says: files by number, each to its end or to the first line that is not JSON."""
    for path in sorted(folder.glob("*.jsonl"), key=lambda path: (path.name.split(".")[0], _number(path))):
        for text in path.read_text("ascii").split("\n"):
            try:
                yield json.loads(text, parse_constant=_refuse)
            except json.JSONDecodeError:
                break


def _number(path: Path) -> int:
    match = re.fullmatch(r"\w+(?:\.(\d+))?\.jsonl", path.name)
    assert match
    return int(match[1] or 1)


def _refuse(text: str) -> None:
    msg = f"not strict JSON: {text}"
    raise AssertionError(msg)
