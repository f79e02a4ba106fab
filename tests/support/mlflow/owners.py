"""Sinks of one MLflow place, each an owner of its own; they share their claims."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from sitewire.schemas.envelope import Span
from sitewire.schemas.record import CLASS_OF, Kind, Record, RecordClass, Value
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.contract import Delivery
from sitewire.workers.sinks.mlflow import MlflowOptions, MlflowSink
from sitewire.workers.sinks.testing.claims import FileClaims
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, stream

KEY = RunKey("clinic", "job")


class Owners:
    """Opens sinks and runs, and closes them all.

    Args:
        folder: what relative paths of the options begin at.
        stack: closes them.
    """

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.claims = FileClaims(folder / "claims")
        self._folder = folder
        self._stack = stack

    async def sink(self, url: str, **keys: Any) -> MlflowSink:
        """Open one more sink."""
        options = MlflowOptions.model_validate({"tracking_uri": url, "flush_seconds": 0, **keys})
        sink = MlflowSink.from_options(options, self._folder)
        sink.attach(self.claims)
        await self._stack.enter_async_context(opened(sink))
        return sink

    async def runner(self, url: str, key: RunKey = KEY, **keys: Any) -> Runner:
        """Open one more sink, and a run of it."""
        return await Runner(await self.sink(url, **keys), key).open()


def deliveries(*records: Record, writer: int = 1, first: int = 0) -> list[Delivery]:
    """Return records of any kinds as deliveries of one writer, in their order per class."""
    by_class: dict[RecordClass, list[Record]] = {}
    for record in records:
        by_class.setdefault(CLASS_OF[record.kind], []).append(record)
    return [Delivery(stream(writer, of), Span(first, tuple(some))) for of, some in by_class.items()]


def record(kind: Kind, name: str, value: Value, *, at: float = 0.0, step: int | None = None) -> Record:
    """Return a record that was logged ``at`` seconds after the begin."""
    return Record(kind, name, value, BEGIN + at, step)


def start(**said: str) -> Record:
    """Return a run's beginning."""
    return record(Kind.RUN_START, "run_start", {"experiment": "experiment", **said})
