"""One run: a folder with a file for each class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sitewire.schemas.ending import Ending
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.workers.errors import NotOpen, os_errors_as_ours
from sitewire.workers.sinks.contract import Delivery, RunSink
from sitewire.workers.sinks.files import GrowingFile
from sitewire.workers.sinks.jsonl.ending import write_ending
from sitewire.workers.sinks.jsonl.lines import delivery_lines
from sitewire.workers.sinks.jsonl.recovery import Recovered, file_name, recover
from sitewire.workers.sinks.progress import Progress
from sitewire.workers.sinks.threads import in_reader, in_thread


class JsonlRun(RunSink):
    """The files of one run."""

    def __init__(self, folder: Path, found: Recovered) -> None:
        self._folder = folder
        self._progress = Progress(found.positions)
        self._files = found.files
        self._numbers = found.numbers
        self._sound = True

    @classmethod
    async def open(cls, folder: Path) -> JsonlRun:
        """Read what is there, and begin behind it.

        Raises:
            SinkUnavailable: the files cannot be read.
            PlaceUnreadable: somebody has edited them.
        """
        return await in_reader(cls._open, folder)

    @classmethod
    def _open(cls, folder: Path) -> JsonlRun:
        with os_errors_as_ours(folder):
            return cls(folder, recover(folder))

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed."""
        return self._progress.committed

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Append a batch; readers see it at once."""
        self._begin()
        await in_thread(self._write, deliveries)
        self._sound = True

    async def commit(self) -> None:
        """Sync the files."""
        self._begin()
        await in_thread(self._sync)
        self._progress.commit()
        self._sound = True

    async def conclude(self, ending: Ending) -> None:
        """Replace ``ending.json``."""
        self._begin()
        await in_thread(write_ending, self._folder, ending)
        self._sound = True

    async def close(self) -> None:
        """Close the files. What was written and not committed is counted when the run is opened again."""
        self._sound = False
        for file in self._files.values():
            if file is not None:
                file.close()

    def _begin(self) -> None:
        """Refuse to go on after a failure: only the files know how much of it is in them."""
        if not self._sound:
            msg = f"{self._folder}: closed, or failed before; open it again"
            raise NotOpen(msg)
        self._sound = False

    def _write(self, deliveries: Sequence[Delivery]) -> None:
        texts: dict[RecordClass, list[str]] = {}
        for delivery in deliveries:
            self._progress.write(delivery)
            texts.setdefault(delivery.key.record_class, []).extend(delivery_lines(delivery))
        for record_class, lines in texts.items():
            self._file(record_class).append("".join(lines).encode("ascii"))

    def _file(self, record_class: RecordClass) -> GrowingFile:
        file = self._files.get(record_class)
        if file is None:
            number = self._numbers.get(record_class, 0) + 1
            file = GrowingFile.create(self._folder / file_name(record_class, number))
            self._files[record_class], self._numbers[record_class] = file, number
        return file

    def _sync(self) -> None:
        for file in self._files.values():
            if file is not None:
                file.sync()
