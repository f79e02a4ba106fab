"""What MLflow should hold of records, told without the sink, and what it does hold, by the same measure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.mlflow.names import file_path, step_path, storable, written_name, written_tag
from support.mlflow.reader import LARGEST, StoredRun

Line = tuple[str, str]
Entry = tuple[Line, Any]


def stored_contents(run: StoredRun) -> Iterator[Entry]:
    """Yield what a run holds: (what, name) and a point or value; tags of the sink's own are left out."""
    for name, points in run.metrics.items():
        yield from (
            (("metric", name), point) for point in sorted((p.time, p.step, shown_value(p.value)) for p in points)
        )
    yield from ((("param", name), value) for name, value in run.params.items())
    yield from (
        (("tag", name), value) for name, value in run.tags.items() if not name.startswith(("sitewire.", "mlflow."))
    )
    yield from ((("text", path), text) for path, text in run.texts.items())


def expected_contents(records: Sequence[Record]) -> Iterable[Entry]:
    """Yield what a run should hold of records; a param keeps its first value, tags and texts their last."""
    points: dict[Line, set[Any]] = {}
    values: dict[Line, str] = {}
    for record in records:
        for line, value in _forms(record):
            if line[0] == "metric":
                points.setdefault(line, set()).add(value)
            elif line[0] == "param":
                values.setdefault(line, value)
            else:
                values[line] = value
    yield from ((line, point) for line, found in points.items() for point in sorted(found))
    yield from values.items()


def shown_value(value: float) -> str:
    """Return a value as MLflow keeps it: it knows no infinity, and no negative zero."""
    return repr(math.copysign(LARGEST, value) if math.isinf(value) else value + 0.0)


def _forms(record: Record) -> Iterator[Entry]:
    value: Any = record.value
    name = "/".join(part for part in (record.series, record.context, record.name) if part is not None)
    step = next((at for at in (record.step, record.epoch, record.round) if at is not None), None)

    def metric(name: str) -> Entry:
        return ("metric", written_name(name)), (round(record.time * 1000), step or 0, shown_value(float(value)))

    if record.kind is Kind.SCALAR:
        yield metric(name)
    elif record.kind is Kind.TEXT:
        yield ("text", file_path(name) if step is None else step_path(name, step)), value
    elif record.kind is Kind.PARAM:
        yield ("param", written_name(name)), storable(str(value))
    elif record.kind is Kind.TAG:
        yield ("tag", written_tag(name)), storable(value)
    elif record.kind is Kind.HPARAMS:
        prefix = name.removesuffix(record.name)
        yield from ((("param", written_name(prefix + key)), str(one)) for key, one in value["params"].items())
    elif record.kind is Kind.SUMMARY:
        yield ("tag", written_name(f"summary.{name}")), str(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield metric(f"summary/{name}")
