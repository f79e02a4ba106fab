"""What one way of a link is like at the moment: for all of its connections, those to come too."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

GRAIN: Final = 0.05  # seconds of a throttled link that one connection takes at a time: the others have their turns

BETWEEN: Final = 0.001  # seconds between two pieces, or the kernel makes one of all


class Way(Enum):
    """Which way bytes go."""

    UP = "up"
    """From who connected to the server."""
    DOWN = "down"


@dataclass
class Weather:
    """One way.

    Attributes:
        rng: draws the jitter.
        latency: seconds that a byte is on its way.
        jitter: of the latency, as a part of it: 0.05 is up to 5 % more or less. Bytes never overtake each other.
        rate: bytes a second of all connections together; 0 is as fast as it goes.
        piece: bytes handed over at a time, with a moment between two pieces; 0 is as they come.
        slow_close: seconds until the other end hears that one has closed.
        limit: bytes that each connection carries until it is closed in the middle of what it carries; None is no limit.
        open: cleared, nothing is carried, and nothing is lost either: what was on its way is, still.
    """

    rng: random.Random
    latency: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    piece: int = 0
    slow_close: float = 0.0
    limit: int | None = None
    open: asyncio.Event = field(default_factory=asyncio.Event)
    _free_at: float = 0.0

    def __post_init__(self) -> None:
        self.open.set()

    def clear_up(self) -> None:
        """Carry everything at once again."""
        self.latency = self.jitter = self.rate = self.slow_close = 0.0
        self.piece, self.limit = 0, None
        self.open.set()

    def due(self, sent: float) -> float:
        """Return when what was sent at a time arrives; both of ``time.monotonic``."""
        return sent + self.latency * (1 + self.rng.uniform(-self.jitter, self.jitter))

    def grain(self, size: int) -> int:
        """Return how many of so many bytes are handed over at once."""
        most = size
        if self.rate:
            most = min(most, max(int(self.rate * GRAIN), 1))
        return min(most, self.piece) if self.piece else most

    async def pace(self, size: int) -> None:
        """Wait for the turn of so many bytes on a throttled link, until they are through."""
        if self.piece:
            await asyncio.sleep(BETWEEN)
        if self.rate:
            self._free_at = max(self._free_at, time.monotonic()) + size / self.rate
            await asyncio.sleep(self._free_at - time.monotonic())
