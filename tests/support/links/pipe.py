"""One way of one connection: what comes in at one socket goes out at the other, as the weather allows."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from support.links.weather import Weather

BUFFER: Final = 256 * 1024  # bytes that are on their way at most; then the sender feels it
CHUNK: Final = 16 * 1024  # bytes


class End(Enum):
    """How a pipe ends."""

    CLOSED = "closed"
    """The source said that no more comes, and the other end has been told."""
    BROKEN = "broken"
    """The source is gone, or the limit was reached: the connection is to be broken off."""


class Pipe:
    """Carries bytes from one socket to another.

    Args:
        source: non-blocking.
        target: non-blocking.
        weather: of this way.
        ended: called when it has ended by itself.
    """

    def __init__(
        self, source: socket.socket, target: socket.socket, weather: Weather, ended: Callable[[End], None]
    ) -> None:
        self._source = source
        self._target = target
        self._weather = weather
        self._ended = ended
        self._on_the_way: deque[tuple[float, bytes | End]] = deque()
        self._size = 0
        self._carried = 0
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Carry until one end has gone."""
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take())
            end = await self._hand_over()
            taking.cancel()
        if end is not None:
            self._ended(end)

    async def _take(self) -> None:
        last: End | None = None
        while last is None:
            try:
                data = await asyncio.get_running_loop().sock_recv(self._source, CHUNK)
            except OSError:
                data, last = b"", End.BROKEN
            if not data:
                last = last or End.CLOSED
            async with self._changed:
                self._on_the_way.append((time.monotonic(), last or data))
                self._size += len(data)
                self._changed.notify_all()
                await self._changed.wait_for(lambda: self._size < BUFFER)

    async def _hand_over(self) -> End | None:
        arrived = 0.0
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._on_the_way)
                sent, item = self._on_the_way[0]
            arrived = max(arrived, self._weather.due(sent))
            await asyncio.sleep(max(arrived - time.monotonic(), 0))
            await self._weather.open.wait()
            if isinstance(item, End):
                return await self._tell(item)
            if not await self._write(item):
                return End.BROKEN if self._at_limit else None
            async with self._changed:
                self._on_the_way.popleft()
                self._size -= len(item)
                self._changed.notify_all()

    async def _write(self, data: bytes) -> bool:
        """Hand over bytes; False if the target is gone (which the other way tells the source), or at the limit."""
        rest = memoryview(data)
        while rest:
            await self._weather.open.wait()
            piece = rest[: min(self._weather.grain(len(rest)), self._left)]
            await self._weather.pace(len(piece))
            try:
                await asyncio.get_running_loop().sock_sendall(self._target, piece)
            except OSError:
                return False
            self._carried += len(piece)
            if self._at_limit:
                return False
            rest = rest[len(piece) :]
        return True

    @property
    def _left(self) -> int:
        return CHUNK if self._weather.limit is None else max(self._weather.limit - self._carried, 0)

    @property
    def _at_limit(self) -> bool:
        return self._left == 0

    async def _tell(self, end: End) -> End:
        await asyncio.sleep(self._weather.slow_close)
        if end is End.CLOSED:
            try:
                self._target.shutdown(socket.SHUT_WR)
            except OSError:
                return End.BROKEN
        return end
