"""Pauses between attempts: exponential, with full jitter, so that many clients do not come back in step."""

from __future__ import annotations

import asyncio
import random
from typing import Final

jitter: Final = random.Random()  # noqa: S311  jitter needs no secrecy
"""A generator of our own: a trainer that has seeded the module's must get from it what it would without us."""


class Backoff:
    """A growing pause.

    Attributes:
        most: the longest pause, seconds.
    """

    def __init__(self, first: float, most: float) -> None:
        self.most = most
        self._first = first
        self._bound = first

    async def pause(self) -> None:
        """Wait between 0 and the present bound, and double the bound."""
        await asyncio.sleep(self.draw())

    def draw(self) -> float:
        """Return the next pause, in seconds, and double the bound."""
        seconds = jitter.uniform(0, self._bound)
        self._bound = min(self._bound * 2, self.most)
        return seconds

    def reset(self) -> None:
        """Begin anew: it worked."""
        self._bound = self._first
