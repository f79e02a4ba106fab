"""One run: what its segments hold, and the one that is being written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen, WorkerError, os_errors_as_ours
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.contract import Delivery, RunSink
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.threads import in_thread, to_the_end
from sitewire.workers.sinks.wandb.appearance import Appearance
from sitewire.workers.sinks.wandb.batch import Batch, Row, make_batch
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.hosts import Hosts
from sitewire.workers.sinks.wandb.index import IndexWriter
from sitewire.workers.sinks.wandb.layout import run_id
from sitewire.workers.sinks.wandb.recovery import Recovered, recover
from sitewire.workers.sinks.wandb.segment import Segment

MAX_SEGMENT_BYTES: Final = 16 << 20
"""A segment that has reached it is not gone on with: a recovery reads one, 40 us for a row of one value (2 s in all)."""

Note: TypeAlias = Callable[[HostProcess], Awaitable[None]]
"""Is called before a segment is opened in a host, to note that host's core lock."""

Listener: TypeAlias = Callable[[Mapping[str, Any]], None]
"""Is called with what a batch says, as arguments of ``Operation.WRITE``."""

EXIT_CODES: Final[Mapping[EndingState, int | None]] = {
    EndingState.RUNNING: None,
    EndingState.FINISHED: 0,
    EndingState.FAILED: 1,
}


class WandbRun(RunSink):
    """The segments of one run.

    The next segment is opened by the first write: opening a run asks the files alone.
    """

    def __init__(self, hosts: Hosts, key: RunKey, experiment: str, note: Note) -> None:
        self._hosts = hosts
        self._key = key
        self._name = run_id(key)
        self._experiment = experiment
        self._note = note
        self._found: Recovered | None = None
        self._appearance = Appearance(key, experiment)
        self._progress = Progress({})
        self._segment: Segment | None = None
        self._listener: Listener | None = None
        self._sound = True

    @classmethod
    async def open(cls, hosts: Hosts, key: RunKey, experiment: str, note: Note) -> WandbRun:
        """Read what is there.

        Args:
            hosts: of the place.
            key: the run.
            experiment: that it belongs to, if it is new.
            note: see ``Note``.

        Raises:
            SinkUnavailable: the files cannot be read, or a core may still write to them.
            PlaceUnreadable: a later version has written them.
        """
        run = cls(hosts, key, experiment, note)
        await hosts.settled()
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
        summary = {} if self._found is None else self._found.shown.summary
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
        if self._segment is not None and self._appearance.needs_reopening(batch):
            await self._leave(self._segment)
        await self._write(batch)
        self._sound = True

    async def commit(self) -> None:
        """Wait for all rows to be in the file, and sync it."""
        self._begin()
        if self._segment is not None:
            await self._segment.commit()
        self._progress.commit()
        if self._segment is not None and self._segment.size >= MAX_SEGMENT_BYTES:
            await self._leave(self._segment)
        self._sound = True

    async def conclude(self, ending: Ending) -> None:
        """Finish the run in the client, or open a segment of a run that goes on."""
        self._begin()
        said = {"state": str(ending.state), "attempt": ending.attempt, "ended": ending.time}
        if not self._appearance.says(said) or self._owes(EXIT_CODES[ending.state]):
            await self._write(Batch(ours=said, last=Row({}, ending.time, [])))
            await self._end(EXIT_CODES[ending.state])
        self._sound = True

    async def close(self) -> None:
        """Close the segment in the client. What was written and not committed is counted when the run is opened again.

        Does not return before nothing is written to the file any more; a client that hangs is killed for that.
        """
        sound, self._sound = self._sound, False
        segment, self._segment = self._segment, None
        if segment is not None:
            await to_the_end(self._close(segment, sound=sound))

    async def _close(self, segment: Segment, *, sound: bool) -> None:
        try:
            code = EXIT_CODES[self._appearance.state]
            if sound and code is not None:  # records that came late, after the end
                await segment.finish(code)
            else:
                await segment.leave()
        except WorkerError:
            segment.host.kill()
            with suppress(WorkerError):  # whoever opens the run again asks the same, and tells
                await self._hosts.settled()

    def _begin(self) -> None:
        """Refuse to go on after a failure: only the files know how much of it is in them."""
        if not self._sound:
            msg = f"{self._name}: closed, or failed before; open it again"
            raise NotOpen(msg)
        self._sound = False

    def _owes(self, code: int | None) -> bool:
        """Whether the file does not show the exit code that it should."""
        return (self._segment is not None or self._found is None or self._found.shown.exit is None) and code is not None

    async def _recover(self) -> Recovered:
        if self._found is None:
            with os_errors_as_ours(self._hosts.place):
                self._found = await in_thread(recover, self._hosts.place, self._name)
            self._appearance.recover(self._found.shown)
        return self._found

    async def _write(self, batch: Batch) -> None:
        found = await self._recover()
        news = self._appearance.take(batch)
        beside = news
        if self._segment is None:
            self._segment = await self._open(found)
            beside = self._appearance.nothing
        said = await self._segment.write(batch, beside)
        if self._listener is not None:
            self._listener({**said, **news})

    async def _open(self, found: Recovered) -> Segment:
        host = await self._hosts.host()
        await self._note(host)
        reached(Point.FILE_OPENING)
        said = {**self.whole, "dir": str(self._hosts.place)}
        index = IndexWriter(found.segment + 1, found.positions)
        return await Segment.open(host, said, index, found.next_row)

    async def _end(self, code: int | None) -> None:
        if self._segment is None:
            return
        if code is None:
            await self._segment.commit()
            return
        await self._segment.finish(code)
        self._segment = self._found = None

    async def _leave(self, segment: Segment) -> None:
        """Close the segment that is open, so that the next write begins another."""
        await segment.leave()
        self._segment = self._found = None
