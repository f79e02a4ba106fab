"""The sidecar: drains what a spool holds and what comes into it, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.connection import Endpoint
from sitewire.collectors.publisher.collector import Collector, News, nobody_else_publishes
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.publisher.sync import LOOK_INTERVAL, Waiting, settled, waiting
from sitewire.collectors.spool.directory import WriterDirectory

_logger = logging.getLogger("sitewire.collect")


async def collect(
    root: Path,
    endpoint: Endpoint,
    stop: asyncio.Event,
    timeout: float,  # noqa: ASYNC109  what is left is the answer, no error
) -> Waiting:
    """Send what a spool holds and what is logged into it, until ``stop`` is set; then what is there by then.

    A living trainer that publishes by itself is left alone; what it leaves behind is not.

    Args:
        root: the spool; it may be made later.
        endpoint: the broker.
        stop: set by the caller.
        timeout: seconds at most from then on.

    Returns:
        What is left.
    """
    link = Link(endpoint, "sitewire collect")
    collector = Collector(link, root, nobody_else_publishes, _log)
    async with link.open(), asyncio.TaskGroup() as group:
        running = group.create_task(collector.run(), name="drain the spool")
        await stop.wait()
        with suppress(TimeoutError):  # what is left says it
            async with asyncio.timeout(timeout):
                await _finish(root, collector)
        running.cancel()
    return await asyncio.to_thread(waiting, root, nobody_else_publishes)


async def _finish(root: Path, collector: Collector) -> None:
    for drain in collector.drains.values():
        drain.look_again()
    while True:
        heed_cancellation()
        if await asyncio.to_thread(settled, root, collector):
            return
        await asyncio.sleep(LOOK_INTERVAL)


def _log(news: News, directory: WriterDirectory) -> None:
    identity = directory.identity
    who = f"run {identity.run} at site {identity.site}, writer {identity.writer[:8]}"
    if news is News.CRASHED:
        _logger.warning("%s: its process is gone without an end; all that it logged is sent", who)
    elif news is News.ENDED:
        _logger.info("%s: has ended, and all of it is sent", who)
    else:
        _logger.info("%s: sending what it logs", who)
