"""What a process of the model holds: a writer that may fork, or a reader that drains."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from sitewire.collectors.spool import retention
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.policy import Policy
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.spooled import end_of, identity
from support.trouble import child
from support.trouble.scenes import LIMIT
from support.trouble.tape import Tape
from support.trouble.truth import Logger, Said


def spool_of(root: Path, number: int) -> Path:
    """Return the spool of a forked child: one of its own, so that its writer can be told."""
    return root.with_name(f"{root.name}-{number}")


class WriterHost:
    """A writer, and the tapes of the children that its process may have."""

    def __init__(self, root: Path, mapped: bool, policy: Policy, tape: Tape, children: Sequence[Tape]) -> None:
        self._children = enumerate(children)
        self._root = root
        self._mapped = mapped
        self._policy: Policy = policy
        self._logger = Logger(self._open(root), tape)

    def path(self) -> str:
        """Return where it writes."""
        return str(self._logger.writer.directory.path)

    def log(self, record_class: RecordClass, size: int, count: int) -> list[bool]:
        """Log some records; return which are stored."""
        return [self._logger.log(record_class, size) for _ in range(count)]

    def finish(self) -> None:
        """End the writer."""
        self._logger.finish()

    def fork(self, count: int) -> int:
        """Have a forked child log to a writer of its own, and die; return its exit code."""
        number, tape = next(self._children)

        def log() -> None:
            parents = self._logger.writer
            parents.abandon()
            assert not parents.append_scalar("x", 1.0, 1.0, 1)
            own = Logger(self._open(spool_of(self._root, number)), tape)
            for _ in range(count):
                own.log(RecordClass.SCALARS)

        return child.play(log)

    def _open(self, root: Path) -> SpoolWriter:
        return SpoolWriter(root, identity(), limit_bytes=LIMIT, policy=self._policy, mapped=self._mapped)


class ReaderHost:
    """A reader, with the draining lock for as long as its process lives."""

    def __init__(self, path: Path, tape: Tape) -> None:
        retention.RETAINED_BYTES = 600_000  # type: ignore[misc]  # so that it deletes
        self._tape = tape
        directory = WriterDirectory(path)
        self._stack = ExitStack()
        self._stack.enter_context(directory.lock_draining())
        self._reader = SpoolReader(directory)
        self._read: list[Item] = []

    def published(self) -> list[int]:
        """Return per class what is to be read next."""
        return list(self._reader.cursor.published)

    def read(self, limit: int) -> list[Item]:
        """Read on."""
        items = self._reader.read(limit)
        self._read += items
        return items

    def acknowledge(self, part: float) -> None:
        """Note that a part of what was read is stored."""
        count = round(len(self._read) * part)
        for item in self._read[:count]:
            self._tape.say(Said.ACKNOWLEDGED, CLASSES.index(item.record_class), end_of(item))
            self._reader.acknowledge(item.record_class, end_of(item))
        del self._read[:count]

    def save(self) -> None:
        """Save how far it is."""
        self._reader.save()
        self._tape.say(Said.SAVED)

    def rewind(self) -> list[int]:
        """Go back to what is held; return what is to be read next."""
        self._tape.say(Said.REWOUND)
        self._reader.rewind()
        self._read.clear()
        return self.published()

    def at_end(self) -> bool:
        """Return whether there is nothing to come."""
        return self._reader.at_end
