"""A segment that is being written: what was handed to the client, and what of it has come into the file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sitewire.workers.errors import os_errors_as_ours
from sitewire.workers.point import Point, reached, watched
from sitewire.workers.sinks.files import sync_folder
from sitewire.workers.sinks.threads import in_thread, to_the_end
from sitewire.workers.sinks.wandb.batch import Batch, Row
from sitewire.workers.sinks.wandb.errors import RowsMissing
from sitewire.workers.sinks.wandb.framing import LogReader
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.index import IndexWriter
from sitewire.workers.sinks.wandb.protocol import Operation
from sitewire.workers.sinks.wandb.records import INDEX, is_exit, row_number

COMES: Final = 10.0
"""Seconds that a row may take from the client to the file; the core is told to flush every few hundredths."""

_LOOK: Final = 0.005  # seconds between two looks


class Segment:
    """One opening of a run in the client.

    Attributes:
        host: where it is open.
        path: the ``.wandb`` file.
    """

    def __init__(self, host: HostProcess, run: str, path: Path, index: IndexWriter, next_row: int) -> None:
        self.host = host
        self.path = path
        self._run = run
        self._index = index
        self._next = next_row
        self._seen = next_row
        self._ended = False
        self._closing = False
        self._log = LogReader(path)

    @classmethod
    async def open(cls, host: HostProcess, said: Mapping[str, Any], index: IndexWriter, next_row: int) -> Segment:
        """Open a segment.

        Args:
            host: that lives.
            said: the arguments of ``Operation.OPEN``.
            index: of its rows.
            next_row: the number of its first row.

        Raises:
            SinkUnavailable: the client did not do it.
        """
        run = str(said["id"])
        host.begins(run)
        try:
            path = Path(await host.request(Operation.OPEN, run, said))
            await in_thread(_sync_folders, path)
        except BaseException:  # a cancellation too: it is not open
            host.rests(run)
            raise
        return cls(host, run, path, index, next_row)

    @property
    def size(self) -> int:
        """Bytes of the file that were read back."""
        return self._log.size

    async def write(self, batch: Batch, beside: Mapping[str, Any]) -> Mapping[str, Any]:
        """Hand a batch to the client; return what it was told.

        Args:
            batch: whose rows, summary and last row are written.
            beside: ``info``, ``tags``, ``config`` and ``definitions``, as the client is to have them.

        Raises:
            SinkUnavailable: the client did not take it.
        """
        self.host.begins(self._run)
        rows = [self._row(row) for row in batch.rows]
        last = [] if batch.last is None else [self._row(batch.last)]
        said = {**beside, "rows": rows, "summary": batch.summary, "last": last}
        if watched() and rows:  # no test could come between the rows of one request, as a kill can
            half = len(rows) // 2
            await self.host.request(
                Operation.WRITE, self._run, {**said, "rows": rows[:half], "summary": {}, "last": []}
            )
            reached(Point.BATCH_TORN)
            rows = rows[half:]
        await self.host.request(Operation.WRITE, self._run, {**said, "rows": rows})
        return said

    async def commit(self) -> None:
        """Return when every row that was handed over is in the file, and the file on the disk.

        Raises:
            RowsMissing: one has not come.
            SinkUnavailable: the file cannot be read or synced.
        """
        await self._come(lambda: self._seen >= self._next)
        await in_thread(self._sync)
        self.host.rests(self._run)

    async def finish(self, code: int) -> None:
        """End the run with an exit code; durable on return.

        Raises:
            SinkUnavailable: it did not come into the file.
        """
        self._closing = True
        self.host.begins(self._run)
        await to_the_end(self.host.request(Operation.FINISH, self._run, code))
        await self._come(lambda: self._ended and self._seen >= self._next)
        await in_thread(self._sync)
        self.host.rests(self._run)

    async def leave(self) -> None:
        """Close it without an exit code; nothing is written to the file after the return.

        Raises:
            SinkUnavailable: that is not certain.
        """
        if self._closing:
            msg = f"{self.path}: the client was asked to end it, and whether it has is not known"
            raise RowsMissing(msg)
        self._closing = True
        self.host.begins(self._run)
        taken = await to_the_end(self.host.request(Operation.LEAVE, self._run, None))  # of a batch that failed, a part
        await self._come(lambda: self._seen >= taken)
        self.host.rests(self._run)

    def _row(self, row: Row) -> tuple[int, dict[str, Any]]:
        number = self._next
        self._next += 1
        return number, {**row.values, "_timestamp": row.time, INDEX: self._index.text(row.slices)}

    async def _come(self, done: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(COMES):
                while True:
                    await in_thread(self._look)
                    if done():
                        return
                    self.host.check()
                    await asyncio.sleep(_LOOK)
        except TimeoutError:
            msg = f"{self.path}: row {self._seen} of {self._next} has not come into the file for {COMES:.0f} s"
            raise RowsMissing(msg) from None

    def _look(self) -> None:
        with os_errors_as_ours(self.path):
            try:
                self._take(self._log.new())
            except ValueError as error:
                raise RowsMissing(str(error)) from error

    def _take(self, records: list[bytes]) -> None:
        for data in records:
            number = row_number(data)
            if number is None:
                self._ended = self._ended or is_exit(data)
            elif number == self._seen:
                self._seen += 1
            else:
                msg = f"{self.path}: row {number} came where row {self._seen} was due; the client has dropped one"
                raise RowsMissing(msg)

    def _sync(self) -> None:
        with os_errors_as_ours(self.path):
            descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _sync_folders(path: Path) -> None:
    with os_errors_as_ours(path):
        for folder in (path.parent, path.parent.parent, path.parent.parent.parent):
            sync_folder(folder)
