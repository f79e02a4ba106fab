"""A link between processes and one server, as a test holds it: what can become of it."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from support.links.connection import Connection, Side
from support.links.thread import LoopThread
from support.links.weather import Way, Weather
from support.nats import free_port

HOST: Final = "127.0.0.1"
KERNEL_BUFFER: Final = 128 * 1024  # bytes of each socket: what a sender can be rid of without anybody having read it
WAITING: Final = 128  # connections that are not accepted yet

BOTH: Final = (Way.UP, Way.DOWN)


class Link:
    """Takes connections on a port of its own and carries their bytes to and from a server's.

    All calls are for the test's thread, and return when it is so. What is wrong stays so, for connections to come too,
    until ``heal``; ``reset`` and ``lose`` are for those that there are, once.

    Args:
        behind: the server's port on this machine.
        seed: of the jitter.

    Attributes:
        port: where it listens; it keeps it when it is cut.
        accepted: connections until now.
    """

    def __init__(self, behind: int, seed: int = 0) -> None:
        self.port = free_port()
        self.accepted = 0
        self._behind = behind
        self._thread = LoopThread(f"link to {behind}")
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._half_open: list[Connection] = []
        self._listening: asyncio.Task[None] | None = None
        rng = random.Random(seed)
        self._weather = self._thread.call(lambda: {way: Weather(rng) for way in Way})
        self._thread.run(self._listen())

    @property
    def url(self) -> str:
        """Of a NATS server behind it."""
        return f"nats://{HOST}:{self.port}"

    @property
    def connections(self) -> int:
        """Those that carry, or would if they could."""
        return self._thread.call(lambda: len(self._connections))

    @property
    def half_open(self) -> int:
        """Connections of which one end is lost and the other has not given up yet."""
        return self._thread.call(lambda: sum(not connection.given_up for connection in self._half_open))

    def cut(self) -> None:
        """Close all connections and refuse new ones."""
        self._thread.run(self._cut())

    def hold(self, *ways: Way) -> None:
        """Accept connections and carry nothing, or nothing one way; what is on its way arrives once it is healed."""
        self._set(lambda weather: weather.open.clear(), ways)

    def delay(self, seconds: float, jitter: float = 0.0, *ways: Way) -> None:
        """Let each byte take so long; ``jitter`` is a part of that, more or less."""

        def slow(weather: Weather) -> None:
            weather.latency, weather.jitter = seconds, jitter

        self._set(slow, ways)

    def throttle(self, rate: float, *ways: Way) -> None:
        """Carry so many bytes a second, of all connections together."""
        self._set(lambda weather: setattr(weather, "rate", rate), ways)

    def slice(self, piece: int, *ways: Way) -> None:
        """Hand over so many bytes at a time."""
        self._set(lambda weather: setattr(weather, "piece", piece), ways)

    def close_slowly(self, seconds: float, *ways: Way) -> None:
        """Let so many seconds pass until one end hears that the other has closed."""
        self._set(lambda weather: setattr(weather, "slow_close", seconds), ways)

    def limit(self, size: int, *ways: Way) -> None:
        """Close each connection once it has carried so many bytes, whatever they are in the middle of."""
        self._set(lambda weather: setattr(weather, "limit", size), ways)

    def reset(self) -> int:
        """RST to both ends of all connections; return how many there were."""
        return self._end_all(Connection.reset)

    def lose(self, side: Side) -> int:
        """Take one end away from all connections, without the other hearing of it; return how many there were.

        The end that is lost meets RST; new connections work.
        """

        def lose(connection: Connection) -> None:
            connection.lose(side)
            self._half_open.append(connection)

        return self._end_all(lose)

    def heal(self) -> None:
        """Carry everything again, at once, and take new connections; what is half open stays so."""
        self._set(Weather.clear_up, BOTH)
        self._thread.run(self._listen())

    def close(self) -> None:
        """End all."""
        self._thread.run(self._cut())
        for connection in self._half_open:
            self._thread.call(connection.forget)
        self._thread.close()

    def _set(self, change: Callable[[Weather], None], ways: tuple[Way, ...]) -> None:
        for way in ways or BOTH:
            self._thread.call(partial(change, self._weather[way]))

    def _end_all(self, end: Callable[[Connection], None]) -> int:
        async def ended() -> int:
            tasks = list(self._connections.items())
            for connection, _ in tasks:
                end(connection)
            await asyncio.gather(*[task for _, task in tasks])
            return len(tasks)

        return self._thread.run(ended())

    async def _listen(self) -> None:
        if self._listening is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
        listener.bind((HOST, self.port))
        listener.listen(WAITING)
        listener.setblocking(False)
        self._listening = asyncio.create_task(self._accept(listener))

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        dialling: set[asyncio.Task[None]] = set()
        came = asyncio.Event()
        loop.add_reader(listener, came.set)
        try:
            while True:
                await came.wait()
                came.clear()
                # Not the loop's own accept: cancelled behind it, that drops the socket.
                try:
                    client, _ = listener.accept()
                except BlockingIOError:
                    continue
                client.setblocking(False)
                self.accepted += 1
                task = loop.create_task(self._dial(client))
                dialling.add(task)
                task.add_done_callback(dialling.discard)
                task.add_done_callback(partial(_close_if_cancelled, client))  # it may be before it has begun
        finally:
            loop.remove_reader(listener)
            listener.close()
            for task in dialling:
                task.cancel()
            await asyncio.gather(*dialling, return_exceptions=True)  # each has a socket to close

    async def _dial(self, client: socket.socket) -> None:
        """Connect to the server, once the way there is open, and begin to carry."""
        server = socket.socket()
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER)
            server.setblocking(False)
            await self._weather[Way.UP].open.wait()
            await asyncio.get_running_loop().sock_connect(server, (HOST, self._behind))
        except BaseException as error:  # cancellation too: no socket may stay behind
            client.close()
            server.close()
            if isinstance(error, OSError):
                return  # the server is away: who has connected hears of it
            raise
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(client, server, self._weather)
        task = asyncio.get_running_loop().create_task(connection.run())
        self._connections[connection] = task
        task.add_done_callback(lambda _: self._connections.pop(connection))

    async def _cut(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with suppress(asyncio.CancelledError):
                await self._listening
            self._listening = None
        tasks = list(self._connections.items())
        for connection, _ in tasks:
            connection.close()
        await asyncio.gather(*[task for _, task in tasks])


def _close_if_cancelled(client: socket.socket, dialled: asyncio.Task[None]) -> None:
    if dialled.cancelled():
        client.close()


@contextmanager
def link_to(port: int, seed: int = 0) -> Iterator[Link]:
    """A link that ends with the block; ``port`` is the server's, on this machine."""
    link = Link(port, seed)
    try:
        yield link
    finally:
        link.close()
