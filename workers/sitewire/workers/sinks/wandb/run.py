"""One run: what its segments hold, and the one that is being written."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeAlias
from zlib import crc32

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import BatchRefused, NotOpen, WorkerError, os_errors_as_ours
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.contract import Delivery, RunSink
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.threads import in_reader, to_the_end
from sitewire.workers.sinks.wandb.appearance import Appearance
from sitewire.workers.sinks.wandb.batch import Batch, Row, make_batch
from sitewire.workers.sinks.wandb.errors import HostGone, HostHangs, RowsMissing
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.hosts import Hosts
from sitewire.workers.sinks.wandb.idle import Idle, IdleRuns
from sitewire.workers.sinks.wandb.index import IndexWriter
from sitewire.workers.sinks.wandb.layout import run_id
from sitewire.workers.sinks.wandb.recovery import Recovered, recover
from sitewire.workers.sinks.wandb.segment import Segment
from sitewire.workers.sinks.wandb.suspects import Death, Indexes, indexes_of

MAX_SEGMENT_BYTES: Final = 16 << 20
"""A segment that has reached it is not gone on with: a recovery reads one, 40 us for a row of one value (2 s).

Some runs stop a little before, down to the half: those that began together would all begin their next at once.
"""

Note: TypeAlias = Callable[[HostProcess], Awaitable[None]]
"""Is called before a segment is opened in a host, to note that host's core lock."""

Listener: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Is called with what a batch says, as arguments of ``Operation.WRITE``."""

EXIT_CODES: Final[Mapping[EndingState, int | None]] = {
    EndingState.RUNNING: None,
    EndingState.FINISHED: 0,
    EndingState.FAILED: 1,
}


class WandbRun(RunSink, Idle):
    """The segments of one run.

    The next segment is opened by the first write: opening a run asks the files alone.

    Attributes:
        key: which run.
    """

    def __init__(
        self, hosts: Hosts, key: RunKey, experiment: str, note: Note, idle: IdleRuns[WandbRun] | None = None
    ) -> None:
        self.key = key
        self._idle = idle
        self._hosts = hosts
        self._name = run_id(key)
        self._most = MAX_SEGMENT_BYTES * (1 - crc32(self._name.encode()) / 2**33)
        self._note = note
        self._found: Recovered | None = None
        self._appearance = Appearance(key, experiment)
        self._progress = Progress({})
        self._segment: Segment | None = None
        self._exit: int | None = None
        self._listener: Listener | None = None
        self._records: list[Indexes] = []
        self._before: Mapping[str, Any] = {}
        self._sound = True

    @classmethod
    async def open(
        cls, hosts: Hosts, key: RunKey, experiment: str, note: Note, idle: IdleRuns[WandbRun] | None = None
    ) -> WandbRun:
        """Read what is there.

        Args:
            hosts: of the place.
            key: the run.
            experiment: that it belongs to, if it is new.
            note: see ``Note``.
            idle: where its segment may stay open when it is closed.

        Raises:
            SinkUnavailable: the files cannot be read, or a core may still write to them.
            PlaceUnreadable: a later version has written them.
        """
        run = cls(hosts, key, experiment, note, idle)
        await hosts.settled(run.name)
        run._progress = Progress((await run._recover()).positions)
        return run

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed."""
        return self._progress.committed

    @property
    def name(self) -> str:
        """W&B's id of the run."""
        return self._name

    @property
    def project(self) -> str:
        """Where it is in W&B."""
        return str(self.whole["project"])

    @property
    def next_row(self) -> int:
        """The number behind the last row that was in the files when the run was opened."""
        return 0 if self._found is None else self._found.next_row

    @property
    def whole(self) -> Mapping[str, Any]:
        """All that is to be seen of the run beside its rows, as arguments of ``Operation.OPEN`` without ``dir``."""
        summary = {} if self._found is None else self._found.summary
        return {"id": self._name, "next_row": self.next_row, **self._appearance.whole(summary)}

    @property
    def code(self) -> int | None:
        """The exit code of a run that has ended."""
        return EXIT_CODES[self._appearance.state]

    def listen(self, listener: Listener) -> None:
        """Have somebody told of each batch that was handed to the client, from now on."""
        self._listener = listener

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Hand a batch to the client; it comes into the file within hundredths of a second."""
        if not deliveries:
            return
        self._begin()
        for delivery in deliveries:
            self._progress.write(delivery)
        batch = make_batch(deliveries)
        self._records += indexes_of(deliveries)
        async with self._tried():
            if self._segment is not None and self._appearance.needs_reopening(batch):
                await self._leave(self._segment)
            await self._write(batch)
        self._sound = True

    async def commit(self) -> None:
        """Wait for all rows to be in the file, and sync it."""
        self._begin()
        if self._segment is not None:
            async with self._tried():
                await self._segment.commit()
        self._progress.commit()
        self._records.clear()
        await self._go_on()
        self._sound = True

    async def conclude(self, ending: Ending) -> None:
        """Finish the run in the client, or open a segment of a run that goes on."""
        self._begin()
        await self._recover()
        said = {"state": str(ending.state), "attempt": ending.attempt, "ended": ending.time}
        if not self._appearance.says(said) or self._owes(EXIT_CODES[ending.state]):
            await self._write(Batch(ours=said, last=Row({}, ending.time, [])))
            await self._end(EXIT_CODES[ending.state])
            await self._go_on()
        self._sound = True

    async def close(self) -> None:
        """Close the segment in the client. What was written and not committed is counted when the run is opened again.

        Does not return before nothing is written to the file any more; a client that hangs is killed for that. Where
        all is committed the segment may stay open for the next opening of the run (``IdleRuns``).
        """
        sound, self._sound = self._sound, False
        if sound and self._idle is not None and self._at_rest():
            await to_the_end(self._idle.keep(self))
        else:
            await to_the_end(self._close(sound=sound))

    async def leave(self) -> None:
        """Close a segment that has stayed open."""
        await to_the_end(self._close(sound=False))

    def wake(self) -> bool:
        """Go on with the segment that has stayed open; whether that is possible."""
        self._sound = self._segment is not None and self._segment.host.alive
        return self._sound

    async def _close(self, *, sound: bool) -> None:
        try:
            if sound and self._owes(self.code):  # records came after the end, or an owner died on the way to show it
                await self._show_end()
            elif self._segment is not None:
                await self._segment.leave()
        except WorkerError:
            if self._segment is not None:
                self._segment.host.kill(Death.HUNG)
            with suppress(WorkerError):  # whoever opens the run again asks the same, and tells
                await self._hosts.settled(self._name)
        finally:
            self._segment = None
            await self._hosts.leave(self._name)

    async def _show_end(self) -> None:
        if self._segment is None:
            await self._write(Batch(last=Row({}, time.time(), [])))
        await self._end(self.code)

    def _at_rest(self) -> bool:
        """Whether all is in the file, and the run goes on."""
        at_rest = self._segment is not None and self._segment.host.alive and self.code is None
        at_rest = at_rest and not self._hosts.is_alone(self._name)
        return at_rest and self._progress.written == self._progress.committed

    def _begin(self) -> None:
        """Refuse to go on after a failure: only the files know how much of it is in them."""
        if not self._sound:
            msg = f"{self._name}: closed, or failed before; open it again"
            raise NotOpen(msg)
        self._sound = False

    def _owes(self, code: int | None) -> bool:
        """Whether the file does not show the exit code that it should."""
        return code is not None and self._exit is None

    async def _recover(self) -> Recovered:
        if self._found is None:
            with os_errors_as_ours(self._hosts.place):
                self._found = await in_reader(recover, self._hosts.place, self._name)
            self._appearance.recover(self._found.shown)
            self._exit = self._found.shown.exit
            self._before = self.whole
        return self._found

    async def _write(self, batch: Batch) -> None:
        found = await self._recover()
        news = self._appearance.take(batch)
        beside = news
        segment = self._segment
        if segment is None:
            segment = await self._open(found)
            beside = self._appearance.nothing
        said = await segment.write(batch, beside)
        if self._listener is not None:
            self._listener({**said, **news})

    async def _open(self, found: Recovered) -> Segment:
        host = await self._hosts.host(self._name)
        await self._note(host)
        reached(Point.FILE_OPENING)
        said = {**self.whole, "dir": str(self._hosts.place)}
        index = IndexWriter(found.segment + 1, found.positions)

        async def opened() -> Segment:
            # Noted here and not behind the await: a cancellation in between would leave it open to nobody.
            self._segment = segment = await Segment.open(host, said, index, found.next_row)
            self._exit = None
            return segment

        return await to_the_end(opened())

    async def _end(self, code: int | None) -> None:
        if self._segment is None:
            return
        if code is None:
            await self._segment.commit()
            return
        await self._segment.finish(code)
        self._segment = self._found = None
        self._exit = code
        await self._hosts.leave(self._name)

    async def _leave(self, segment: Segment) -> None:
        """Close the segment that is open, so that the next write begins another."""
        await segment.leave()
        self._segment = self._found = None
        await self._hosts.leave(self._name)

    async def _go_on(self) -> None:
        """Close a segment that is full, or that is in a host which the run needs for itself no longer."""
        back = self._hosts.passed(self._name, self._progress.committed)
        if self._segment is not None and (back or self._segment.size >= self._most):
            await self._leave(self._segment)

    @asynccontextmanager
    async def _tried(self) -> AsyncIterator[None]:
        """Work on a batch; one that ends the client again and again, where the run is alone, is refused."""
        try:
            yield
        except (HostGone, HostHangs, RowsMissing) as error:
            why = await self._hosts.convicts(self._name, self._records, self._before)
            if why is not None:
                msg = f"W&B's client goes on without it, and not with it: {why or error}"
                raise BatchRefused(msg) from error
            raise
