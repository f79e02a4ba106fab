"""Drain a spool until nothing is left, then say what is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sitewire.broker_config.connection import Endpoint
from sitewire.collectors.errors import SpoolError
from sitewire.collectors.publisher.collector import Collector
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import unacknowledged
from sitewire.schemas.errors import SubjectError

LOOK_INTERVAL = 0.2  # seconds


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a spool holds that no broker has acknowledged.

    Attributes:
        records: indexes, holes included.
        writers: directories that hold them.
        unreadable: folders that could not be read, with the reason.
    """

    records: int
    writers: int
    unreadable: tuple[str, ...] = ()


def waiting(root: Path, wanted: Callable[[WriterDirectory], bool] = lambda _: True) -> Waiting:
    """Count what has not been acknowledged. Reads every directory to its end: blocks.

    Args:
        root: the spool.
        wanted: which directories count.
    """
    counts: list[int] = []
    unreadable: list[str] = []
    for directory in discover(root, lambda error: unreadable.append(str(error))):
        try:
            if wanted(directory):
                counts.append(unacknowledged(directory))
        except (OSError, SubjectError, SpoolError) as error:
            unreadable.append(f"{directory.path}: {error}")
    return Waiting(sum(counts), sum(count > 0 for count in counts), tuple(unreadable))


async def sync(
    root: Path,
    endpoint: Endpoint,
    timeout: float,  # noqa: ASYNC109  what is left is the answer, no error
    on_progress: Callable[[int], None],
) -> Waiting:
    """Send what a spool holds; of a living writer, what it had logged by then.

    Args:
        root: the spool.
        endpoint: the broker.
        timeout: seconds at most.
        on_progress: told about five times a second how many indexes were acknowledged so far.

    Returns:
        What is left: nothing, if all of it has arrived.
    """
    link = Link(endpoint, "sitewire sync")
    collector = Collector(link, root, lambda _: True)
    with suppress(TimeoutError):  # what is left says it
        async with asyncio.timeout(timeout), link.open(), asyncio.TaskGroup() as group:
            running = group.create_task(collector.run(), name="drain the spool")
            while not await asyncio.to_thread(settled, root, collector):
                await asyncio.sleep(LOOK_INTERVAL)
                on_progress(collector.acknowledged)
            running.cancel()
    return await asyncio.to_thread(waiting, root)


def settled(root: Path, collector: Collector) -> bool:
    """Whether all that a collector is to drain has been sent: of a living writer, what it had logged. Blocks."""
    return collector.scans > 0 and all(_is_settled(item, collector) for item in discover(root))


def _is_settled(directory: WriterDirectory, collector: Collector) -> bool:
    drain = collector.drains.get(directory.path)
    if drain is not None:
        return drain.caught_up and directory.is_alive()
    living_elsewhere = directory.path in collector.busy and directory.is_alive()
    if collector.finished(directory.path) or directory.path in collector.failures or living_elsewhere:
        return True
    try:
        return not collector.wanted(directory)
    except OSError:
        return True  # not ours to read: ``waiting`` names it
