"""The end of a process of which a thread hangs: in order, but without that thread.

A thread cannot be ended from outside, and Python waits for all of them. A tracker that does not answer must not keep
a machine from being shut down, nor have somebody else kill what had been about to end in order.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

PATIENCE: Final = 15.0
"""Seconds from the signal until nobody waits for threads: more than a route takes to finish what works."""

NOT_DELIVERED: Final = 1

_logger = logging.getLogger("sitewire.deploy")


@asynccontextmanager
async def without_hanging_threads(stop: asyncio.Event) -> AsyncIterator[None]:
    """Have the block end soon after ``stop`` is set, whatever its threads do.

    Everything else ends as it always does: what was committed is acknowledged, leases are given back, an embedded
    broker stops. Only then, if a thread still hangs, the process ends at once, with exit code 1. What that thread
    had is delivered again.
    """
    left: list[int] = []
    watching = asyncio.create_task(_watch(stop, left), name="watch for threads that hang")
    try:
        yield
    finally:
        watching.cancel()
        if any(left):
            _end()


async def _watch(stop: asyncio.Event, left: list[int]) -> None:
    from sitewire.workers.sinks.threads import abandon

    await stop.wait()
    await asyncio.sleep(PATIENCE)
    left.append(abandon())
    if any(left):
        _logger.warning("%d writes hang; it ends without them, and what they had is delivered again", left[0])


def _end() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(NOT_DELIVERED)
