"""One connection through a link: two sockets, a pipe each way, and the ways in which it ends."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from contextlib import suppress
from enum import Enum
from typing import Final

from support.links.pipe import End, Pipe
from support.links.weather import Way, Weather

_AT_ONCE: Final = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST and forgets what was not sent


class Side(Enum):
    """One end of a connection."""

    CLIENT = "client"
    SERVER = "server"


class Connection:
    """Carries bytes both ways until it is told otherwise, or both ends have closed.

    Args:
        client: the socket of who connected.
        server: the socket to the server.
        weather: of each way.
    """

    def __init__(self, client: socket.socket, server: socket.socket, weather: dict[Way, Weather]) -> None:
        self._sockets = {Side.CLIENT: client, Side.SERVER: server}
        self._weather = weather
        self._over = asyncio.Event()
        self._closed = 0
        self._broken = False
        self._kept: socket.socket | None = None

    async def run(self) -> None:
        """Carry; at the end both sockets are closed, but for one that is to hear nothing of it."""
        client, server = self._sockets[Side.CLIENT], self._sockets[Side.SERVER]
        try:
            async with asyncio.TaskGroup() as group:
                up = group.create_task(Pipe(client, server, self._weather[Way.UP], self._ended).run())
                down = group.create_task(Pipe(server, client, self._weather[Way.DOWN], self._ended).run())
                await self._over.wait()
                up.cancel()
                down.cancel()
        finally:
            for end in self._sockets.values():
                if end is not self._kept:
                    _close(end, at_once=self._broken)

    def close(self) -> None:
        """Close both sockets; what was on its way is lost."""
        self._over.set()

    def reset(self) -> None:
        """RST to both ends."""
        self._broken = True
        self._over.set()

    def lose(self, side: Side) -> None:
        """RST to one end; the other hears nothing of it, and what it sends is never read."""
        self._kept = self._sockets[Side.SERVER if side is Side.CLIENT else Side.CLIENT]
        self.reset()

    @property
    def given_up(self) -> bool:
        """Whether the end that heard nothing has closed the connection by itself."""
        if self._kept is None or self._kept.fileno() < 0:
            return self._kept is not None
        poll = select.poll()
        poll.register(self._kept, select.POLLRDHUP)
        return bool(poll.poll(0))

    def forget(self) -> None:
        """Close what was kept for an end that hears nothing."""
        if self._kept is not None:
            _close(self._kept, at_once=True)

    def _ended(self, end: End) -> None:
        self._closed += 1
        if end is End.BROKEN:
            self._broken = self._weather[Way.UP].limit is None and self._weather[Way.DOWN].limit is None
        if end is End.BROKEN or self._closed == len(self._sockets):
            self._over.set()


def _close(end: socket.socket, *, at_once: bool) -> None:
    with suppress(OSError):  # it is gone already
        if at_once:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        end.close()
