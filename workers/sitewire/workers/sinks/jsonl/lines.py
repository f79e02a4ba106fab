"""A delivery as lines of strict JSON (RFC 8259), all ASCII, so that every reader splits them alike.

A record is ``{"writer", "index", "kind", "name", "value", "time", "step"}``, and ``round``, ``epoch``, ``context``,
``series`` where it has them. What was filtered, refused or dead-lettered is one line,
``{"writer", "index", "outcome", "count"}``, and so is a hole: ``{"writer", "index", "hole", "count"}``. The first three
keys come first and in this order: recovery reads no further.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Record
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.progress import fate

_RARE: Final = ("round", "epoch", "context", "series")
_encode: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def delivery_lines(delivery: Delivery) -> Iterator[str]:
    """Yield the lines of a delivery, each with its line end."""
    stretch, writer = delivery.stretch, delivery.key.writer
    if isinstance(stretch, Span) and delivery.outcome is Outcome.DELIVERED:
        for index, record in enumerate(stretch.records, stretch.first):
            yield _record_line(writer, index, record)
        return
    what = fate(delivery)
    word = "hole" if isinstance(what, HoleName) else "outcome"
    yield _encode({"writer": writer, "index": stretch.first, word: what, "count": stretch.end - stretch.first}) + "\n"


def _record_line(writer: str, index: int, record: Record) -> str:
    line: dict[str, object] = {
        "writer": writer,
        "index": index,
        "kind": record.kind,
        "name": record.name,
        "value": record.value,
        "time": iso_time(record.time),
        "step": record.step,
    }
    line.update((name, value) for name, value in zip(_RARE, record[5:], strict=True) if value is not None)
    try:
        return _encode(line) + "\n"
    except ValueError:  # NaN and infinities, which JSON does not have
        line["value"] = finite(record.value)
        return _encode(line) + "\n"


def iso_time(seconds: float) -> str:
    """Return seconds since the epoch as ISO 8601, UTC, with microseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def finite(value: object) -> object:
    """Return a value with ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` for what JSON has no number for."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {name: finite(item) for name, item in value.items()}
    return value
