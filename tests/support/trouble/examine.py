"""Whoever comes after a process in trouble: opens, reads everything, counts, and takes away, without any help."""

from __future__ import annotations

import time
from pathlib import Path

from sitewire.collectors.spool import segment
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.moment import Moment
from sitewire.collectors.spool.reader import Item, SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.codec import CLASSES
from support.spooled import acknowledge, identity, read_all
from support.trouble.truth import Truth


def examine(root: Path, truth: Truth, *, dropping: bool = True, counted: bool = True) -> int:
    """Assert that a spool holds what it has to, and can be used; return how many items were read.

    Args:
        root: the spool, of one writer that is dead or has ended.
        truth: what it was told.
        dropping: its policy may have taken what nobody had acknowledged.
        counted: what it had not stored at the very end must be counted too.
    """
    found = discover(root)
    assert len(found) <= 1, found
    if not found:
        gone = all(truth.released[name] == len(calls) for name, calls in truth.calls.items())
        assert gone or not truth.stored, "the writer cannot be found"
    items = [item for directory in found for item in _examine(directory, truth, dropping=dropping, counted=counted)]
    check_usable(root)
    return len(items)


def _examine(directory: WriterDirectory, truth: Truth, *, dropping: bool, counted: bool) -> list[Item]:
    assert not directory.is_alive()
    with directory.lock_draining():
        reader = SpoolReader(directory)
        starts = dict(zip(CLASSES, reader.cursor.published, strict=True))
        assert all(truth.saved[name] <= starts[name] <= truth.released[name] for name in CLASSES), starts
        items = read_all(reader, 7)
        assert reader.at_end
        ends = truth.check(items, starts, held=segment.numbers(directory.path), dropping=dropping)
        truth.check_end(ends, counted=counted)
        take_away(directory, reader, items)
    return items


def take_away(directory: WriterDirectory, reader: SpoolReader, items: list[Item]) -> None:
    """Acknowledge everything, and remove the directory as if its time had passed."""
    acknowledge(reader, items)
    reader.save()
    assert reader.published == reader.assigned
    assert 0 < reader.cursor.drained.wall <= time.time()
    reader.cursor.drained = Moment(1.0)
    reader.save()
    reader.close()
    assert directory.expired
    directory.remove()


def check_usable(root: Path) -> None:
    """Assert that the next writer of the run begins, logs, ends and is taken away, and what lay about with it."""
    writer = SpoolWriter(root, identity(), limit_bytes=0)
    assert writer.append_scalar("next", 1.0, 1.7e9, 0)
    writer.finish()
    with writer.directory.lock_draining():
        reader = SpoolReader(writer.directory)
        items = read_all(reader)
        assert len(items) == 1
        take_away(writer.directory, reader, items)
    assert not list(root.rglob("*.seg"))
