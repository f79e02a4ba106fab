"""A sink of somebody else's package: JSON lines that refuse records by name, until they are mended.

Processes of the product know it by the entry point beside this file, with both this folder and ``tests`` on
their ``PYTHONPATH``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import BatchRefused
from sitewire.workers.sinks.contract import Delivery, Outcome, RunSink, SinkOptions
from sitewire.workers.sinks.files import absolute
from sitewire.workers.sinks.jsonl.sink import JsonlOptions, JsonlSink

PLUGINS = Path(__file__).parent
PYTHONPATH = f"{PLUGINS}:{PLUGINS.parent.parent}"
"""What a process needs to know the sink."""


class PickyOptions(JsonlOptions):
    """Keys of ``sink: {type: picky}``."""

    refuses: Path = Field(description="File with a name of a record on each line; without it all are taken.")


class PickySink(JsonlSink):
    """Refuses what its file names."""

    name = "picky"
    Options: ClassVar[type[SinkOptions]] = PickyOptions

    def __init__(self, folder: Path, refuses: Path) -> None:
        super().__init__(folder)
        self._refuses = refuses

    @classmethod
    def from_options(cls, options: JsonlOptions, base: Path) -> Self:
        assert isinstance(options, PickyOptions)
        return cls(absolute(options.dir, base), absolute(options.refuses, base))

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:
        return PickyRun(await super().open_run(key, experiment, known), self._refuses)


class PickyRun(RunSink):
    """Looks through a batch before anything of it is written."""

    def __init__(self, run: RunSink, refuses: Path) -> None:
        self._run = run
        self._refuses = refuses

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        return self._run.positions

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        names = await asyncio.to_thread(self._names)
        for delivery in deliveries:
            if delivery.outcome is Outcome.DELIVERED and isinstance(delivery.stretch, Span):
                for record in delivery.stretch.records:
                    if record.name in names:
                        message = f"no metric may be called {record.name!r} (step {record.step})"
                        raise BatchRefused(message)
        await self._run.write(deliveries)

    async def commit(self) -> None:
        await self._run.commit()

    async def conclude(self, ending: Ending) -> None:
        await self._run.conclude(ending)

    async def close(self) -> None:
        await self._run.close()

    def _names(self) -> set[str]:
        return set(self._refuses.read_text().splitlines()) if self._refuses.exists() else set()
