"""A small spool of which every byte can be damaged, and what may be missing then."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sitewire.collectors.spool import frame, lock, segment
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES
from sitewire.schemas.record import RecordClass
from support.spooled import end_of, identity, read_all
from support.trouble.child import SURVIVED, play
from support.trouble.tape import Tape
from support.trouble.truth import UNPACKABLE, Logger, Truth

SEGMENT_BYTES: Final = 4096
"""``segment.size_of`` has to be replaced by the test, to return this."""

Index = tuple[RecordClass, int]


@dataclass(frozen=True)
class Small:
    """A spool of three segments, and one that was only prepared if its writer was killed.

    Attributes:
        directory: the writer's.
        truth: what it was told.
        living: readers are to take the writer for alive, until ``dies`` is left.
        frames: by segment and offset, which record's frame begins there, and where it ends.
    """

    directory: WriterDirectory
    truth: Truth
    living: bool
    frames: Mapping[tuple[int, int], tuple[int, Index]]

    @property
    def files(self) -> list[Path]:
        """All files but the locks, which hold no bytes."""
        return sorted(path for path in self.directory.path.iterdir() if path.suffix != ".lock")

    def hit(self, file: Path, first: int, last: int) -> Collection[Index]:
        """Return the records of which bytes from ``first`` to ``last`` of a file are a part."""
        if file.suffix != ".seg":
            return frozenset()
        number = int(file.stem)
        return {
            index for (of, begin), (end, index) in self.frames.items() if of == number and begin <= last and end > first
        }

    def check(self, damaged: Collection[Index], *, named: bool = True, counted: bool = True) -> None:
        """Read everything, and assert that it is what it has to be."""
        (directory,) = discover(self.directory.path.parents[2])
        who = directory.identity
        assert (who.site, who.run, who.writer) == ("hospital a", "run-1", directory.path.name)
        reader = SpoolReader(directory)
        starts = dict(zip(CLASSES, reader.cursor.published, strict=True))
        assert all(starts[name] in {0, self.truth.saved[name]} for name in CLASSES), starts
        held = segment.numbers(directory.path)
        items: list[Item] = []
        if self.living:
            with _alive(directory.path):
                items = read_all(reader)
                assert not reader.at_end or directory.ended
        items += read_all(reader)
        assert reader.at_end
        reader.close()
        ends = self.truth.check(items, starts, held=held, damaged=damaged, named=named)
        self.truth.check_end(ends, counted=counted)


def make(root: Path, how: str, *, middle: bool) -> Small:
    """Make one.

    Args:
        root: the spool.
        how: ``ended`` in order, ``killed``, or ``living``: killed, but nobody can tell.
        middle: half of it has been acknowledged.
    """
    tape = Tape()

    def write() -> None:
        logger = Logger(SpoolWriter(root, identity(), mapped=True), tape)
        for turn in range(3):
            for name in CLASSES:
                logger.log(name, 20)
                logger.log(name, 400)
                logger.log(name, UNPACKABLE if turn % 2 else 5)
        logger.log(RecordClass.SCALARS, UNPACKABLE)
        if how == "ended":
            logger.finish()

    assert play(write) == SURVIVED
    truth = Truth.of(tape)
    (directory,) = discover(root)
    if middle:
        _acknowledge_half(directory, truth)
    return Small(directory, truth, how == "living", dict(_frames(directory)))


@contextmanager
def flipped(file: Path, position: int, bit: int) -> Iterator[None]:
    """One bit of a file is another one, within the block."""
    fd = os.open(file, os.O_RDWR)
    try:
        was = os.pread(fd, 1, position)
        os.pwrite(fd, bytes([was[0] ^ 1 << bit]), position)
        yield
        os.pwrite(fd, was, position)
    finally:
        os.close(fd)


@contextmanager
def cut(file: Path, size: int | None) -> Iterator[None]:
    """A file ends early, or is gone altogether, within the block."""
    aside = file.with_name("aside")
    shutil.copyfile(file, aside)
    if size is None:
        file.unlink()
    else:
        os.truncate(file, size)
    yield
    aside.replace(file)


def _acknowledge_half(directory: WriterDirectory, truth: Truth) -> None:
    reader = SpoolReader(directory)
    for item in reader.read(sum(map(len, truth.calls.values())) // 2):
        reader.acknowledge(item.record_class, end_of(item))
        truth.saved[item.record_class] = truth.released[item.record_class] = end_of(item)
    reader.save()
    reader.close()


@contextmanager
def _alive(path: Path) -> Iterator[None]:
    """This process holds the lock in the writer's place."""
    assert lock.take(path / "alive.lock")
    try:
        yield
    finally:
        lock.release(path / "alive.lock")


def _frames(directory: WriterDirectory) -> Iterator[tuple[tuple[int, int], tuple[int, Index]]]:
    for number in segment.numbers(directory.path):
        data = segment.path_of(directory.path, number).read_bytes()
        salts = frame.salts(directory.path.name, number)
        offset = segment.HEADER_BYTES
        while (found := frame.check(data, offset, salts)) is not None:
            yield (number, offset), (found.end, (CLASSES[found.number], found.index))
            offset = found.end
