"""A batch of deliveries as what the client is told: rows, and what is to be seen beside them.

Neighbours of one numbering that stand at one step and were logged within a millisecond share a row: it has one
time and one step. What is no row is counted in the index of the next one, or of a row of its own behind them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.renaming import renamed
from sitewire.workers.errors import BatchRefused
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.wandb.index import Slice, slice_of
from sitewire.workers.sinks.wandb.keys import CONTEXT, EPOCH, MAX_TAG_CHARACTERS, ROUND, STEP, free, key_of

SHARED_SECONDS: Final = 0.001
MAX_ROW_VALUES: Final = 500

_LONGEST: Final[Mapping[str, int | None]] = {"name": 128, "group": 128, "job_type": 64, "notes": None}
"""What a beginning says that W&B has a place for, and how many characters of it W&B's service takes.

The client takes more, and the service refuses the whole run then.
"""

_DEFINED: Final = {"step_metric": str, "step_sync": bool, "hidden": bool, "summary": str, "goal": str}
_SUMMARIES: Final = frozenset({"min", "max", "mean", "last", "none", "copy", "first"})
_BEST: Final = {None: "min", "minimize": "min", "maximize": "max"}


@dataclass(slots=True)
class Row:
    """One history row.

    Attributes:
        values: by key.
        time: seconds since the epoch.
        slices: what its index says.
    """

    values: dict[str, Any]
    time: float
    slices: list[Slice]


@dataclass(slots=True)
class Batch:
    """What the client is told, in this order: first what is beside the rows, then ``rows``, ``summary``, ``last``.

    Attributes:
        info: ``name``, ``group``, ``job_type``, ``notes``.
        tags: further labels.
        config: values by key.
        ours: what is to be known of the run in our own part of the config.
        definitions: arguments of ``define_metric`` by name or glob.
        rows: of records.
        summary: values by key.
        last: a row without values, if indexes are left that no other row can speak for.
    """

    info: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    ours: dict[str, Any] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    last: Row | None = None


def make_batch(deliveries: Sequence[Delivery]) -> Batch:
    """Sort records by what becomes of them.

    Raises:
        BatchRefused: a definition is none for W&B.
    """
    batch = Batch()
    before: list[Slice] = []
    behind: list[Slice] = []
    for delivery in deliveries:
        stretch = delivery.stretch
        run_class = delivery.key.record_class is RecordClass.RUN
        if delivery.outcome is not Outcome.DELIVERED or not isinstance(stretch, Span):
            (behind if run_class else before).append(slice_of(delivery))
        elif run_class:
            for index, record in enumerate(stretch.records, stretch.first):
                _show(batch, record, (delivery.key, index))
            behind.append(slice_of(delivery))
        else:
            _write(batch, delivery.key, stretch, before)
    _count(batch, before, behind)
    return batch


def _count(batch: Batch, before: list[Slice], behind: list[Slice]) -> None:
    """Find a row for the indexes that are none: the summary comes behind the rows, and what counts it behind that."""
    left = [*before, *behind]
    if left and batch.rows and not batch.summary:
        batch.rows[-1].slices.extend(left)
    elif left:
        batch.last = Row({}, time.time(), left)


def _write(batch: Batch, key: StreamKey, span: Span, before: list[Slice]) -> None:
    place, row, first = None, None, span.first
    for index, record in enumerate(span.records, span.first):
        name, here = key_of(record), (record.step, record.round, record.epoch, record.context)
        if row is None or place != here or not _fits(row, name, record):
            if row is not None:
                row.slices.append(Slice(key, first, index - first))
            row, place, first = Row(_columns(here), record.time, [*before]), here, index
            before.clear()
            batch.rows.append(row)
        row.values[name] = record.value
    if row is not None:
        row.slices.append(Slice(key, first, span.end - first))


def _fits(row: Row, name: str, record: Record) -> bool:
    return name not in row.values and abs(record.time - row.time) < SHARED_SECONDS and len(row.values) < MAX_ROW_VALUES


def _columns(place: Iterable[object]) -> dict[str, Any]:
    return {name: value for name, value in zip((STEP, ROUND, EPOCH, CONTEXT), place, strict=True) if value is not None}


def _show(batch: Batch, record: Record, at: tuple[StreamKey, int]) -> None:
    value: Any = record.value
    if record.kind is Kind.PARAM:
        batch.config[key_of(record)] = plain(value)
    elif record.kind is Kind.HPARAMS:
        batch.config.update({free(name): plain(item) for name, item in value["params"].items()})
    elif record.kind is Kind.TAG:
        _label(batch, record)
    elif record.kind is Kind.SUMMARY:
        batch.summary[key_of(record)] = plain(value)
    elif record.kind is Kind.DEFINITION:
        batch.definitions[key_of(record)] = _definition(record, at)
    elif record.kind is Kind.RUN_START:
        _start(batch, value)


def _label(batch: Batch, record: Record) -> None:
    said, value = renamed(record), str(record.value)
    if said is None and not value and len(record.name) <= MAX_TAG_CHARACTERS:
        batch.tags.append(record.name)
        return
    batch.config[f"tag/{record.name}"] = value
    if said is not None:
        what, text = said
        batch.info[what] = text[: _LONGEST[what]]


def _start(batch: Batch, said: dict[str, Any]) -> None:
    """Take what a beginning says; what W&B has no place for, or too short a one, goes into our part of the config."""
    for name, value in said.items():
        if name not in _LONGEST:
            batch.ours[name] = plain(value)
        elif isinstance(value, str):
            batch.info[name] = value[: _LONGEST[name]]
            if batch.info[name] != value:
                batch.ours[name] = value


def _definition(record: Record, at: tuple[StreamKey, int]) -> dict[str, Any]:
    said: Any = record.value
    how = {name: value for name, value in said.items() if value is not None}
    wrong = [name for name, value in how.items() if not isinstance(value, _DEFINED.get(name, ()))]
    goal = how.pop("goal", None)
    best = _BEST.get(goal)
    summaries = [best if part == "best" else part for part in str(how.get("summary", "")).split(",") if part]
    if wrong or best is None or not _SUMMARIES.issuperset(summaries) or "*" in key_of(record)[:-1]:
        msg = f"W&B has no such definition of {record.name!r}: {said!r:.200}"
        raise BatchRefused(msg, at=at)
    if summaries:
        how["summary"] = ",".join(filter(None, summaries))
    if "step_metric" in how:
        how["step_metric"] = free(how["step_metric"])
    return how


def plain(value: Any) -> Any:  # noqa: ANN401  what a parameter may be
    """Return a value of config or summary, where W&B has nothing for NaN and infinities: as text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
