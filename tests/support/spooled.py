"""Making spool writers, and reading back what they left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgpack
import pytest

from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.policy import DEFAULT_LIMIT_BYTES, Policy
from sitewire.collectors.spool.reader import Item, Missing, SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.hole import Hole
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import new_writer

MakeWriter = Callable[..., SpoolWriter]
SCALARS = RecordClass.SCALARS


def identity() -> WriterIdentity:
    """A writer that there has not been."""
    return WriterIdentity("hospital a", "run-1", new_writer(), "digits", "nats://hub:4222", 1.7e9)


@pytest.fixture
def make_writer(tmp_path: Path) -> Iterator[MakeWriter]:
    """A function that makes writers in one spool; they are finished after the test."""
    writers: list[SpoolWriter] = []

    def make(
        root: Path = tmp_path / "spool",
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        policy: Policy = "drop_oldest",
        mapped: bool | None = None,
    ) -> SpoolWriter:
        writers.append(SpoolWriter(root, identity(), limit_bytes=limit_bytes, policy=policy, mapped=mapped))
        return writers[-1]

    yield make
    for writer in writers:
        writer.finish()


def read_all(reader: SpoolReader, limit: int = 500) -> list[Item]:
    """Everything that there is now."""
    items: list[Item] = []
    while more := reader.read(limit):
        assert len(more) <= limit
        items += more
    return items


def steps(items: list[Item]) -> list[int]:
    """The steps of the records, in the order in which they were read."""
    return [msgpack.unpackb(item.packed)[4] for item in items if not isinstance(item, Missing)]


def holes(items: list[Item]) -> list[Hole]:
    """The holes, in the order in which they were read."""
    return [item.hole for item in items if isinstance(item, Missing)]


def ends(items: list[Item], start: int = 0) -> dict[RecordClass, int]:
    """Where each class ends. Fails unless every index from ``start`` on came exactly once, in order."""
    line: dict[RecordClass, int] = {}
    for item in items:
        first, count = (item.hole.first, item.hole.count) if isinstance(item, Missing) else (item.index, 1)
        assert first == line.get(item.record_class, start), item
        assert count > 0
        line[item.record_class] = first + count
    return line


def end_of(item: Item) -> int:
    """The index behind an item."""
    return item.hole.end if isinstance(item, Missing) else item.index + 1


def acknowledge(reader: SpoolReader, items: list[Item]) -> None:
    """As a publisher does when the broker has stored them all."""
    for item in items:
        reader.acknowledge(item.record_class, end_of(item))
