"""One run in online mode: the files, as offline, and what is committed of them sent to the service.

Commit and positions are the files'. The service is behind them by a second or two; when it is not, because it is down
or has stopped taking this run, that is an error of the next write, and opening the run again is the repair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sitewire.schemas.ending import Ending
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.sinks.contract import Delivery, RunSink
from sitewire.workers.sinks.threads import to_the_end
from sitewire.workers.sinks.wandb.run import EXIT_CODES, WandbRun
from sitewire.workers.sinks.wandb.uploader import Uploader


class OnlineRun(RunSink):
    """A run's files, and its way to the service."""

    def __init__(self, files: WandbRun, uploader: Uploader) -> None:
        self._files = files
        self._uploader = uploader
        self._told: list[Mapping[str, Any]] = []
        self._sound = True
        files.listen(self._told.append)

    @classmethod
    async def open(cls, files: WandbRun, uploader: Uploader) -> OnlineRun:
        """Ask the service what it has of a run whose files are open, and send what it has not got.

        Raises:
            PlaceDown, ServiceRefused, FilesLost, UploadStopped, SinkUnavailable, PlaceUnreadable: as
                ``Uploader.begin``.
        """
        run = cls(files, uploader)
        try:
            with run._failing():
                await uploader.begin(files.next_row, files.whole)
        except BaseException:  # a cancellation too: nobody else knows of what is open
            await run.close()
            raise
        return run

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed in the files."""
        return self._files.positions

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Hand a batch to the client that writes the files, if the upload of earlier ones goes on."""
        with self._failing():
            await self._uploader.ready()
            await self._files.write(deliveries)

    async def commit(self) -> None:
        """Commit in the files, then hand over to the client that uploads."""
        with self._failing():
            await self._files.commit()
            await self._send()

    async def conclude(self, ending: Ending) -> None:
        """End the run in the files, and at the service once that has all of it."""
        code = EXIT_CODES[ending.state]
        with self._failing():
            await self._files.conclude(ending)
            await self._send()
            if code is None:
                await self._uploader.open(self._files.whole)
            else:
                await self._uploader.end(code, self._files.whole)

    async def close(self) -> None:
        """Close the files, and send what is left as far as that goes quickly."""
        sound, self._sound = self._sound, False
        try:
            await self._files.close()
        finally:
            told = self._told.copy() if sound else []
            self._told.clear()
            await to_the_end(self._uploader.close(told, self._files.code, self._files.whole, sound=sound))

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Note whether what is done in the block fails."""
        sound, self._sound = self._sound, False
        yield
        self._sound = sound

    async def _send(self) -> None:
        told = self._told.copy()
        self._told.clear()
        await self._uploader.send(told, self._files.whole)
