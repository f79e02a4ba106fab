"""A sink of somebody else's package: JSON lines of which a file says how they behave, at each moment.

The file holds one line, and may be replaced at any time; without it all is well:

- ``slow 0.03``: so many seconds a record, in the thread that writes, as long as it says so
- ``hang open``, ``hang open_run``, ``hang write``: what begins then does not come back before the mood has changed
- ``down``: no attempt gets anywhere
- ``throttled 5``: every attempt is asked to come back so many seconds later
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import PlaceDown, Throttled
from sitewire.workers.sinks.contract import Delivery, FlushSeconds, RunSink, SinkOptions
from sitewire.workers.sinks.files import absolute
from sitewire.workers.sinks.jsonl.sink import JsonlOptions, JsonlSink
from sitewire.workers.sinks.threads import in_thread
from support.plugins.picky import PYTHONPATH

__all__ = ["PYTHONPATH", "MoodyOptions", "MoodySink", "batches", "set_mood", "tries"]

LOOK = 0.02  # seconds between two looks at the mood of what hangs


class MoodyOptions(JsonlOptions):
    """Keys of ``sink: {type: moody}``."""

    mood: Path = Field(description="File that says how it behaves; without it all is well.")
    flush_seconds: FlushSeconds = 0.0


class Mood:
    """What the file says, and beside it ``<file>.tries``: a line for each attempt that has begun."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def meet(self, what: str, records: int = 0) -> None:
        """Have an attempt go as the file says. Blocks.

        Raises:
            PlaceDown: it says so.
        """
        with self._file.with_suffix(".tries").open("a") as log:
            log.write(f"{time.time()} {what} {records}\n")
        mood = self._read()
        word, _, rest = mood.partition(" ")
        if word == "down":
            msg = f"the mood is {word}"
            raise PlaceDown(msg)
        if word == "throttled":
            msg = "429 Too Many Requests"
            raise Throttled(msg, float(rest))
        seconds = math.inf if mood == f"hang {what}" else float(rest) * records if word == "slow" else 0.0
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and self._read() == mood:
            time.sleep(min(left, LOOK))

    def _read(self) -> str:
        try:
            return self._file.read_text().strip()
        except FileNotFoundError:
            return ""


class MoodySink(JsonlSink):
    """Does as its file says."""

    name = "moody"
    Options: ClassVar[type[SinkOptions]] = MoodyOptions

    def __init__(self, folder: Path, mood: Path, pace: float) -> None:
        super().__init__(folder)
        self.pace = pace
        self._mood = Mood(mood)

    @classmethod
    def from_options(cls, options: JsonlOptions, base: Path) -> Self:
        assert isinstance(options, MoodyOptions)
        return cls(absolute(options.dir, base), absolute(options.mood, base), options.flush_seconds)

    async def open(self, partition: int) -> None:
        await in_thread(self._mood.meet, "open")
        await super().open(partition)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:
        await in_thread(self._mood.meet, "open_run")
        return MoodyRun(await super().open_run(key, experiment, known), self._mood)


class MoodyRun(RunSink):
    """Does so too."""

    def __init__(self, run: RunSink, mood: Mood) -> None:
        self._run = run
        self._mood = mood

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        return self._run.positions

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        spans = [delivery.stretch for delivery in deliveries if isinstance(delivery.stretch, Span)]
        await in_thread(self._mood.meet, "write", sum(len(span.records) for span in spans))
        await self._run.write(deliveries)

    async def commit(self) -> None:
        await self._run.commit()

    async def conclude(self, ending: Ending) -> None:
        await in_thread(self._mood.meet, "conclude")
        await self._run.conclude(ending)

    async def close(self) -> None:
        await self._run.close()


def set_mood(file: Path, mood: str = "") -> None:
    """Change a mood, in one step for whoever reads it."""
    new = file.with_suffix(".new")
    new.write_text(mood)
    new.replace(file)


def tries(file: Path, what: str = "") -> list[float]:
    """Return when attempts began, seconds since the epoch: all, or those of one kind."""
    return [at for at, kind, _ in _tries(file) if what in {"", kind}]


def batches(file: Path) -> list[tuple[float, int]]:
    """Return when batches were begun, seconds since the epoch, and how many records each had."""
    return [(at, records) for at, kind, records in _tries(file) if kind == "write"]


def _tries(file: Path) -> Iterator[tuple[float, str, int]]:
    log = file.with_suffix(".tries")
    for line in log.read_text().splitlines(keepends=True) if log.exists() else ():
        if line.endswith("\n"):
            at, kind, records = line.split()
            yield float(at), kind, int(records)
