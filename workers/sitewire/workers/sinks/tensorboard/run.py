"""One run: a folder, one more for each series, and in each the file that is being written."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen, os_errors_as_ours
from sitewire.workers.sinks.contract import Delivery, RunSink
from sitewire.workers.sinks.files import GrowingFile, make_folders
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.tensorboard.batch import Part, split
from sitewire.workers.sinks.tensorboard.events import (
    EventEncoder,
    first_event,
    marker_event,
    session_end,
    session_start,
)
from sitewire.workers.sinks.tensorboard.framing import framed
from sitewire.workers.sinks.tensorboard.layout import next_file, run_folder, series_path
from sitewire.workers.sinks.tensorboard.marker import Marker, encode_marker
from sitewire.workers.sinks.tensorboard.recovery import Recovered, recover
from sitewire.workers.sinks.tensorboard.session import BEGUN, ENDED, GRACE, Session
from sitewire.workers.sinks.threads import in_reader, in_thread

MAX_FILE_BYTES: Final = 64 << 20
"""A file that has reached it is not gone on with after a commit: what a recovery reads stays bounded."""

WHOLE_EVERY: Final = 256
"""Every so many markers of a file are whole: a run that logs a record a second has hundreds of thousands in a file, and
a recovery decodes no more than these."""


class Folder:
    """One folder of a run.

    Attributes:
        path: where it is.
        counters: per tag, the step of the next record that has none.
        session: of the hparams page.
        since: when the first scalar was logged that this owner has written; ``None`` before.
        file: the one being written; ``None`` before the first write of this owner.
        markers: how many ``file`` has.
        dirty: whether something in it is not committed.
    """

    def __init__(self, path: Path, counters: dict[str, int], session: Session) -> None:
        self.path = path
        self.counters = counters
        self.session = session
        self.since: float | None = None
        self.file: GrowingFile | None = None
        self.markers = 0
        self.dirty = False

    def writable(self) -> GrowingFile:
        """Return the file to write to: a new one at first, and behind ``MAX_FILE_BYTES``.

        A batch never has two files of one folder: recovery reads the last only.
        """
        if self.file is None or (self.file.size >= MAX_FILE_BYTES and not self.dirty):
            make_folders(self.path)
            path = next_file(self.path)
            self.file = GrowingFile(path) if path.exists() else GrowingFile.create(path)
            self.markers = 0
        return self.file

    def waited(self, part: Part) -> bool:
        """Whether what was logged before the first scalar has arrived, as far as can be told."""
        if part.times is None:
            return False
        first, last = part.times
        self.since = first if self.since is None else self.since
        return last - self.since >= GRACE


class TensorBoardRun(RunSink):
    """The event files of one run."""

    def __init__(self, folder: Path, found: Recovered) -> None:
        self._folder = folder
        self._progress = Progress(found.positions)
        self._ahead = found.ahead
        self._batch = found.batch + 1
        self._counters = found.counters
        self._sessions = found.sessions
        self._folders: dict[Path, Folder] = {}
        self._sound = True

    @classmethod
    async def open(cls, logdir: Path, key: RunKey) -> TensorBoardRun:
        """Read what is there, and begin behind it.

        Raises:
            SinkUnavailable: the files cannot be read.
            PlaceUnreadable: a later version has written them.
        """
        return await in_reader(cls._open, logdir, run_folder(logdir, key))

    @classmethod
    def _open(cls, logdir: Path, folder: Path) -> TensorBoardRun:
        with os_errors_as_ours(folder):
            return cls(folder, recover(folder, logdir))

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed."""
        return self._progress.committed

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Append a batch to the files of its series; readers see it at once."""
        if deliveries:
            self._begin()
            await in_thread(self._write, deliveries)
            self._sound = True

    async def commit(self) -> None:
        """Sync each file that was written to, one after another."""
        self._begin()
        if any(folder.dirty for folder in self._folders.values()):
            await in_thread(self._commit)
        self._sound = True

    async def conclude(self, ending: Ending) -> None:
        """End the sessions of the hparams page; what has ended there cannot go on, and stays as it is."""
        self._begin()
        if ending.state is not EndingState.RUNNING:
            await in_thread(self._conclude, ending)
        self._sound = True

    async def close(self) -> None:
        """Close the files. What was written and not committed is counted when the run is opened again."""
        self._sound = False
        for folder in self._folders.values():
            if folder.file is not None:
                folder.file.close()

    def _begin(self) -> None:
        """Refuse to go on after a failure: only the files know how much of it is in them."""
        if not self._sound:
            msg = f"{self._folder}: closed, or failed before; open it again"
            raise NotOpen(msg)
        self._sound = False

    def _write(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._progress.write(delivery)
        parts: dict[str | None, Part] = {}
        by_path: dict[Path, Part] = {}
        encoder = EventEncoder()

        def part_of(series: str | None) -> Part:
            if series not in parts:
                path = self._folder / series_path(series)
                parts[series] = by_path.setdefault(path, Part(self._folder_at(path).counters, encoder))
            return parts[series]

        split(deliveries, part_of, self._ahead)
        with os_errors_as_ours(self._folder):
            for path, part in by_path.items():
                self._append(self._folders[path], part)

    def _folder_at(self, path: Path) -> Folder:
        if path not in self._folders:
            self._folders[path] = Folder(path, self._counters.get(path, {}), self._sessions.get(path, Session()))
        return self._folders[path]

    def _conclude(self, ending: Ending) -> None:
        for path in {*self._sessions, *self._folders}:
            folder = self._folder_at(path)
            if folder.session and not folder.session.ended:
                with os_errors_as_ours(self._folder):
                    self._append(folder, Part(folder.counters, EventEncoder()), ending)
        self._commit()

    def _append(self, folder: Folder, part: Part, ending: Ending | None = None) -> None:
        file, now = folder.writable(), time.time()
        head = [] if file.size else [first_event(now)]
        head += self._show_session(folder, part, ending, now)
        # Never between two writes of a batch: the first one's marker would no longer be read.
        whole = folder.markers % WHOLE_EVERY == 0 and not folder.dirty
        marker = self._marker(folder, part, whole=whole)
        folder.dirty = True
        folder.markers += 1
        file.append(b"".join((*map(framed, head), framed(marker_event(now, encode_marker(marker))), *part.frames)))
        folder.counters.update({tag: before + count for tag, (before, count) in part.counters.items()})

    def _show_session(self, folder: Folder, part: Part, ending: Ending | None, now: float) -> list[bytes]:
        """Return the events of the session that are due; the marker behind them says that they are there."""
        events: list[bytes] = []
        folder.session |= part.session
        due = folder.waited(part) or ending is not None
        if due and folder.session.params:
            events.append(session_start(folder.since or now, folder.session.params))
            part.session = BEGUN
        if ending is not None:
            events.append(session_end(ending))
            part.session = ENDED
        folder.session |= part.session
        return events

    def _marker(self, folder: Folder, part: Part, *, whole: bool) -> Marker:
        touched = dict.fromkeys(item.key for item in part.slices)
        before = {key: self._before(key) for key in (self._progress.committed | touched if whole else touched)}
        counters = {tag: (value, 0) for tag, value in folder.counters.items()} if whole else {}
        ahead = {key: _ranges(indexes, before[key].next) for key, indexes in self._ahead.items()} if whole else None
        session = folder.session if whole else part.session
        return Marker(
            self._batch, before, tuple(part.slices), tuple(part.steps), counters | part.counters, ahead, session
        )

    def _before(self, key: StreamKey) -> Position:
        return self._progress.committed.get(key) or Position(base=self._progress.written[key].base)

    def _commit(self) -> None:
        for folder in self._folders.values():
            if folder.dirty and folder.file is not None:
                folder.file.sync()
        for folder in self._folders.values():
            folder.dirty = False
        self._progress.commit()
        self._batch += 1


def _ranges(indexes: set[int], start: int) -> list[range]:
    """Return the indexes from ``start`` on as ranges."""
    ranges: list[range] = []
    for index in sorted(index for index in indexes if index >= start):
        if ranges and ranges[-1].stop == index:
            ranges[-1] = range(ranges[-1].start, index + 1)
        else:
            ranges.append(range(index, index + 1))
    return ranges
