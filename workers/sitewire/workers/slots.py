"""A few at a time, except for those that hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """Lets a number of blocks run at once. One that takes long is not counted any more, so that it stops nobody.

    Args:
        count: blocks at once.
        patience: seconds after which a block gives its place to another.
    """

    def __init__(self, count: int, patience: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._patience = patience

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place, and hold it for as long as the block runs, ``patience`` at most."""
        await self._free.acquire()
        place = _Place(self._free)
        overdue = asyncio.get_running_loop().call_later(self._patience, place.give)
        try:
            yield
        finally:
            overdue.cancel()
            place.give()


class _Place:
    """A place that is given back once, by whoever comes first."""

    def __init__(self, free: asyncio.Semaphore) -> None:
        self._free: asyncio.Semaphore | None = free

    def give(self) -> None:
        free, self._free = self._free, None
        if free is not None:
            free.release()
