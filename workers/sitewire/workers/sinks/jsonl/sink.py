"""JSON lines under a directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import CLASS_OF, Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen
from sitewire.workers.sinks.contract import RunSink, Sink, SinkOptions
from sitewire.workers.sinks.files import absolute
from sitewire.workers.sinks.jsonl.run import JsonlRun
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.sinks.threads import in_thread, to_the_end


class JsonlOptions(SinkOptions):
    """Keys of ``sink: {type: jsonl}``."""

    dir: Path = Field(description="Directory of the files; each run writes to <dir>/<run>/<site>/<class>.jsonl.")


class JsonlSink(Sink):
    """Files of JSON lines. Holds every kind."""

    name = "jsonl"
    Options: ClassVar[type[SinkOptions]] = JsonlOptions

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock: PartitionLock | None = None

    @classmethod
    def from_options(cls, options: JsonlOptions, base: Path) -> Self:
        """Make the sink of a directory."""
        return cls(absolute(options.dir, base))

    @property
    def identity(self) -> str:
        """``jsonl:`` and the directory."""
        return f"{self.name}:{self._folder}"

    def holds(self, kind: Kind) -> bool:
        """Every kind that there is."""
        return kind in CLASS_OF

    async def open(self, partition: int) -> None:
        """Take the partition's lock in the directory."""
        if self._lock is not None:
            msg = f"{self.identity}: is open already"
            raise NotOpen(msg)
        await in_thread(self._take, partition)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  the files know their positions, and an experiment has no folder
        """Open the folder of a run."""
        if self._lock is None:
            msg = f"{self.identity}: open the sink first"
            raise NotOpen(msg)
        site, run = key.tokens
        return await JsonlRun.open(self._folder / run / site)

    async def close(self) -> None:
        """Let the lock go."""
        lock, self._lock = self._lock, None
        if lock is not None:
            # To the end: a cancellation that comes while all threads are busy would leave the lock to nobody.
            await to_the_end(in_thread(lock.release))

    def _take(self, partition: int) -> None:
        # Noted here and not behind the await: a cancellation in between would leave the lock to nobody.
        self._lock = PartitionLock.take(self._folder, partition)
