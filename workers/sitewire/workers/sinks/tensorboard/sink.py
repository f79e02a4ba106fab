"""TensorBoard: a log directory. Importable without the extra: what needs it is imported when the sink opens."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Self

from pydantic import Field

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import MissingExtra, NotOpen
from sitewire.workers.sinks.contract import RunSink, Sink, SinkOptions
from sitewire.workers.sinks.files import absolute
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.sinks.threads import in_thread, to_the_end

if TYPE_CHECKING:
    from sitewire.workers.sinks.tensorboard.run import TensorBoardRun

_RUN_MODULE: Final = "sitewire.workers.sinks.tensorboard.run"
_HELD: Final = frozenset(
    {
        Kind.SCALAR,
        Kind.TEXT,
        Kind.HPARAMS,
        Kind.PARAM,
        Kind.TAG,
        Kind.SUMMARY,
        Kind.DEFINITION,
        Kind.RUN_START,
        Kind.RUN_END,
    }
)


class TensorBoardOptions(SinkOptions):
    """Keys of ``sink: {type: tensorboard}``."""

    logdir: Path = Field(
        description="Directory that TensorBoard is pointed at; each run writes to <logdir>/<run>/<site>/."
    )


class TensorBoardSink(Sink):
    """Event files under a log directory."""

    name = "tensorboard"
    Options: ClassVar[type[SinkOptions]] = TensorBoardOptions

    def __init__(self, logdir: Path) -> None:
        self._logdir = logdir
        self._lock: PartitionLock | None = None

    @classmethod
    def from_options(cls, options: TensorBoardOptions, base: Path) -> Self:
        """Make the sink of a log directory."""
        return cls(absolute(options.logdir, base))

    @property
    def identity(self) -> str:
        """``tensorboard:`` and the log directory."""
        return f"{self.name}:{self._logdir}"

    def holds(self, kind: Kind) -> bool:
        """Whether the kind has an event, or is taken notice of."""
        return kind in _HELD

    async def open(self, partition: int) -> None:
        """Take the partition's lock in the log directory."""
        if self._lock is not None:
            msg = f"{self.identity}: is open already"
            raise NotOpen(msg)
        await in_thread(_import_run)
        await in_thread(self._take, partition)

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  the files know their positions; TensorBoard has no experiments
        """Open the folder of a run."""
        if self._lock is None:
            msg = f"{self.identity}: open the sink first"
            raise NotOpen(msg)
        run = await in_thread(_import_run)
        return await run.open(self._logdir, key)

    async def close(self) -> None:
        """Let the lock go."""
        lock, self._lock = self._lock, None
        if lock is not None:
            # To the end: a cancellation that comes while all threads are busy would leave the lock to nobody.
            await to_the_end(in_thread(lock.release))

    def _take(self, partition: int) -> None:
        # Noted here and not behind the await: a cancellation in between would leave the lock to nobody.
        self._lock = PartitionLock.take(self._logdir, partition)


def _import_run() -> type[TensorBoardRun]:
    try:
        module = importlib.import_module(_RUN_MODULE)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("sitewire"):
            raise
        raise MissingExtra(TensorBoardSink.name, error.name) from error
    run: type[TensorBoardRun] = module.TensorBoardRun
    return run
