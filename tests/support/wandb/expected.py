"""What W&B should show of records, by the measure of ``entries``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.testing.hooks import Entry
from support.wandb.reader import Run

ROWS = (Kind.SCALAR, Kind.TEXT)


def entries(run: Run) -> Iterator[Entry]:
    """Yield each point of a run in its order, and what stands beside the rows, each once."""
    for point in run.points:
        beside = (point.step, point.round, point.epoch, point.context)
        yield ("row", point.name), (_shown(point.value), round(point.time, 6), *beside)
    for key, value in run.config.items():
        if key != "sitewire":
            yield ("config", key), _json(value)
    for name in run.tags:
        yield ("tag", name), ""
    for name, how in run.definitions.items():
        if how.step_metric not in ("", "sitewire/step"):
            yield ("definition", name), how.step_metric


def expected(records: Sequence[Record]) -> Iterator[Entry]:
    """Yield the same for records that were delivered in this order; what is said twice counts once, the last one."""
    beside: dict[tuple[str, str], str] = {}
    for record in records:
        if record.kind in ROWS:
            place = (record.step, record.round, record.epoch, record.context)
            yield ("row", key_of(record)), (_shown(record.value), round(record.time, 6), *place)
        else:
            beside.update(_beside(record))
    yield from beside.items()


def key_of(record: Record) -> str:
    """Return a record's key, as the guide says it."""
    name = "/".join(part for part in (record.series, record.context, record.name) if part is not None)
    return f"~{name}" if re.match(r"~*(_|sitewire(/|\Z)|\\\Z)", name) else name


def _beside(record: Record) -> Iterator[tuple[tuple[str, str], str]]:
    value: Any = record.value
    if record.kind is Kind.PARAM:
        yield ("config", key_of(record)), _json(value)
    elif record.kind is Kind.HPARAMS:
        for name, item in value["params"].items():
            yield ("config", name), _json(item)
    elif record.kind is Kind.TAG:
        yield (("config", f"tag/{record.name}"), _json(value)) if value else (("tag", record.name), "")
    elif record.kind is Kind.DEFINITION:
        yield ("definition", key_of(record)), value["step_metric"]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else repr(float(value))


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
