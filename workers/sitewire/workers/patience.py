"""Whether an attempt that failed is followed by another, and when."""

from __future__ import annotations

import asyncio

from sitewire.broker_config.backoff import Backoff
from sitewire.workers.errors import GivenUp


class Patience:
    """Try again for as long as it takes, until somebody loses patience.

    Attributes:
        ended: set when it is lost for good.
    """

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._lost = asyncio.Event()

    def lose(self) -> None:
        """Let the attempt under way be the last one."""
        self._lost.set()

    def regain(self) -> None:
        """Try for as long as it takes again."""
        self._lost.clear()

    def end(self) -> None:
        """Lose it for good: not even an attempt that waits to be made is made now."""
        self.ended.set()
        self.lose()

    async def pause(self, backoff: Backoff) -> None:
        """Wait before the next attempt.

        Raises:
            GivenUp: there shall be none.
        """
        try:
            async with asyncio.timeout(backoff.draw()):
                await self._lost.wait()
        except TimeoutError:
            return
        raise GivenUp
