"""When a run's next batch is begun: as seldom as its sink likes, and at once where waiting would hold somebody up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.workers.holding import AT_A_TIME, Holding
from sitewire.workers.receipts import PERIOD


class Pace:
    """Gathers what comes for one run, for a bounded time: what came last is written though nothing follows.

    Args:
        seconds: from the beginning of a batch to that of the next; 0 gathers nothing.
        holding: what has come. Its messages are kept alive meanwhile, and not acknowledged.
        presses: asked whether something else waits for the run: its end, a look, its being parked.
        meanwhile: awaited now and then while records are gathered.
    """

    def __init__(
        self,
        seconds: float,
        holding: Holding,
        presses: Callable[[], bool],
        meanwhile: Callable[[], Awaitable[None]],
    ) -> None:
        self._seconds = seconds
        self._holding = holding
        self._presses = presses
        self._meanwhile = meanwhile
        self._due = 0.0
        self._hurried = False

    def hurry(self) -> None:
        """Have the next batch begun at once: there is no room for more to gather."""
        if not self._hurried:
            self._hurried = True
            self._holding.came.set()

    async def gather(self) -> None:
        """Wait until the next batch is to be begun. A message may come or go at any moment meanwhile."""
        while (left := self._left()) > 0:
            heed_cancellation()
            self._holding.came.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, PERIOD)):
                    await self._holding.came.wait()
            await self._meanwhile()
        self._due = time.monotonic() + self._seconds
        self._hurried = False

    def _left(self) -> float:
        if self._hurried or self._holding.unread_size >= AT_A_TIME or self._presses():
            return 0.0
        return self._due - time.monotonic()
