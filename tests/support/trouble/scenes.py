"""What is played while calls die or fail: the life of a writer, of a reader, and of both in one process."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sitewire.collectors.errors import SpoolUnavailable
from sitewire.collectors.spool import directory as directory_module
from sitewire.collectors.spool import keeper, retention
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.policy import Policy
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.collectors.spool.refused import save_refused
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.spooled import end_of, identity
from support.trouble.tape import Tape
from support.trouble.truth import UNPACKABLE, Logger, Said

LIMIT: Final = 2 << 20
"""Four segments."""

LARGE: Final = 200_000
"""Bytes of a text: two fill a segment."""

PATIENCE: Final = 10.0  # seconds until what recovers has recovered


@dataclass(frozen=True)
class Scene:
    """How a scene is played.

    Attributes:
        root: the spool.
        tape: what is said of it.
        mapped: the writer writes through a map.
        policy: the writer's.
        mend: called when all that is in trouble shall work again.
    """

    root: Path
    tape: Tape
    mapped: bool
    policy: Policy = "drop_oldest"
    mend: Callable[[], None] = lambda: None

    def write(self) -> None:
        """Log records of every class and size through more segments than there is room for; end."""
        logger = self._begin()
        if logger is None:
            return
        self._log_a_little(logger)
        for _ in range(9):
            logger.log(RecordClass.MEDIA, LARGE)
        save_refused(logger.writer.directory.path, {"value": 1})
        self.mend()
        self._log_again(logger)
        logger.finish()

    def write_and_drain(self) -> None:
        """Log and drain by turns, as a trainer with its own publisher does; end, drain, remove."""
        logger = self._begin()
        if logger is None:
            return
        self._log_a_little(logger)
        directory = logger.writer.directory
        with directory.lock_draining():
            reader = SpoolReader(directory)
            for _ in range(6):
                self._drain(reader)
                logger.log(RecordClass.MEDIA, LARGE)
                logger.log(RecordClass.MEDIA, LARGE)
            logger.finish()
            self._drain(reader)
            self._remove(directory, reader)

    def drain(self) -> None:
        """Drain the writer that is there, twice, and remove it."""
        retention.RETAINED_BYTES = 600_000  # type: ignore[misc]  # so that it deletes
        (directory,) = directory_module.discover(self.root)
        with directory.lock_draining():
            reader = SpoolReader(directory)
            self._drain(reader)
            self.tape.say(Said.REWOUND)
            reader.rewind()
            self._drain(reader)
            self._remove(directory, reader)

    def _begin(self) -> Logger | None:
        keeper.SYNC_SECONDS = 0.05  # type: ignore[misc]  # a scene is short
        try:
            writer = SpoolWriter(self.root, identity(), limit_bytes=LIMIT, policy=self.policy, mapped=self.mapped)
        except SpoolUnavailable:
            self.tape.say(Said.UNAVAILABLE)
            return None
        return Logger(writer, self.tape)

    def _log_a_little(self, logger: Logger) -> None:
        for record_class in CLASSES:
            logger.log(record_class)
            logger.log(record_class, UNPACKABLE)
        logger.log(RecordClass.SCALARS)
        deadline = time.monotonic() + 2 * keeper.SYNC_SECONDS
        while not _is_synced(logger.writer.directory) and time.monotonic() < deadline:
            time.sleep(0.001)

    def _log_again(self, logger: Logger) -> None:
        """What has recovered stores again: it must not need a new process."""
        deadline = time.monotonic() + PATIENCE
        while not logger.log(RecordClass.SCALARS, 5) and self.policy == "drop_oldest":
            assert time.monotonic() < deadline, "the writer has not recovered"
            time.sleep(0.02)
        logger.log(RecordClass.SCALARS, UNPACKABLE)

    def _drain(self, reader: SpoolReader) -> None:
        while items := reader.read(5):
            for item in items:
                self.tape.say(Said.ACKNOWLEDGED, CLASSES.index(item.record_class), end_of(item))
                reader.acknowledge(item.record_class, end_of(item))
            reader.save()
            self.tape.say(Said.SAVED)
        reader.save()

    def _remove(self, directory: WriterDirectory, reader: SpoolReader) -> None:
        directory_module.HORIZON_SECONDS = 0.0  # type: ignore[misc]  # ten minutes have passed
        reader.close()
        directory.remove()


def _is_synced(directory: WriterDirectory) -> bool:
    with suppress(OSError):
        return directory.state().assigned[0] == 3
    return False
