"""The embedded broker: started with everything checked, supervised, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import signal
import socket
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.connection import Endpoint, connect, mapped_errors
from sitewire.broker_config.errors import Temporary
from sitewire.broker_config.model import Embedded
from sitewire.broker_config.server import server_config
from sitewire.deploy.broker.binary import find_binary
from sitewire.deploy.broker.disk import takes_writes
from sitewire.deploy.broker.holders import port_holders
from sitewire.deploy.broker.process import ServerProcess
from sitewire.deploy.broker.store_lock import StoreLock
from sitewire.deploy.errors import BrokerFailed, PortTaken, StoreUnusable

log = logging.getLogger("sitewire.deploy.broker")

READY_SECONDS: Final = 300.0
"""A store of 10 GiB is read through before the server listens."""

POLL_SECONDS: Final = 0.05
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 5.0
QUICK_DEATH_SECONDS: Final = 10.0
"""A server that lived longer than this had started well: its death begins a new count."""
QUICK_DEATHS: Final = 5
LOOK_FOR_ROOM_SECONDS: Final = 1.0
KILLED: Final = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT})
"""A server that ended by one of these was killed from outside, however often: no fault that giving up would show."""


class EmbeddedBroker:
    """A nats-server of our own, from ``async with`` to its end.

    While the body runs, a server that dies is started again; clients reconnect by themselves. So is one that its disk
    has refused a write, as soon as the disk takes some: by itself it would never write again. After
    ``QUICK_DEATHS`` deaths in a row it is given up: the body is cancelled, and ``BrokerFailed`` leaves the block.

    Raises:
        BrokerNotStarted: on entering; one of ``BinaryMissing``, ``StoreUnusable``, ``StoreLocked``,
            ``PortTaken`` and ``BrokerFailed``, each of which says what to do.
    """

    def __init__(self, embedded: Embedded) -> None:
        self._embedded = embedded
        self._lock = StoreLock(embedded.store)
        self._program: tuple[str, ...] = ()
        self._process: ServerProcess | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._failure: BrokerFailed | None = None
        self._owner: asyncio.Task[object] | None = None
        self._cancelling = 0

    @property
    def endpoint(self) -> Endpoint:
        """Where clients on this machine connect to."""
        return Endpoint(self._embedded.url)

    @property
    def url(self) -> str:
        """The same as a URL."""
        return self._embedded.url

    @property
    def pid(self) -> int | None:
        """The server's process id; None while there is no server."""
        return self._process.pid if self._process is not None and self._process.is_alive else None

    async def __aenter__(self) -> Self:
        """Start the server and wait until JetStream answers."""
        self._program = await asyncio.to_thread(self._prepare)
        try:
            self._process = await self._launch()
            await self._wait_ready(self._process)
        except BaseException:  # cancellation too: neither server nor lock may stay behind
            await self._stop()
            raise
        self._owner = asyncio.current_task()
        self._cancelling = self._owner.cancelling() if self._owner is not None else 0
        self._supervisor = asyncio.create_task(self._supervise(), name="embedded broker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server: SIGTERM, then SIGKILL.

        Raises:
            BrokerFailed: the server was given up, and the body was cancelled for it.
        """
        try:
            if self._supervisor is not None:
                self._supervisor.cancel()
                await asyncio.wait([self._supervisor])
        finally:
            await self._stop()
        if self._failure is None or self._owner is None:
            return
        # As asyncio.timeout does: a cancellation from elsewhere stays one.
        if self._owner.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._failure from error

    def _prepare(self) -> tuple[str, ...]:
        binary = find_binary()
        self._lock.acquire()
        try:
            _check_port(self._embedded)
            config = _write_config(self._embedded)
        except BaseException:  # whatever it was, the store is free again
            self._lock.release()
            raise
        return (str(binary), "-c", str(config))

    async def _launch(self) -> ServerProcess:
        return await ServerProcess.start(self._program, self._lock.descriptor)

    async def _stop(self) -> None:
        try:
            if self._process is not None:
                await self._process.stop()
        finally:
            self._lock.release()

    async def _wait_ready(self, process: ServerProcess) -> None:
        ended = asyncio.create_task(process.wait())
        ready = asyncio.create_task(self._until_ready())
        try:
            await asyncio.wait([ended, ready], return_when=asyncio.FIRST_COMPLETED, timeout=READY_SECONDS)
        finally:
            ended.cancel()
            ready.cancel()
            await asyncio.wait([ended, ready])
        if not ready.cancelled() and ready.exception() is None:
            return
        reason = "did not become ready" if process.is_alive else "ended at its start"
        msg = f"nats-server {reason}; its last lines:\n{process.last_lines}"
        raise BrokerFailed(msg)

    async def _until_ready(self) -> None:
        while True:
            heed_cancellation()
            with contextlib.suppress(Temporary):
                await self._ask()
                return
            await asyncio.sleep(POLL_SECONDS)

    async def _ask(self) -> None:
        client = await connect(self.endpoint, name="sitewire broker")
        try:
            with mapped_errors():
                await client.jetstream().account_info()
        finally:
            await client.close()

    async def _supervise(self) -> None:
        quick, pause = 0, FIRST_PAUSE_SECONDS
        process = self._process
        while process is not None:
            status = await self._see_out(process)
            quick = 0 if process.write_failed.is_set() else _quick_deaths(quick, process.seconds, status)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS) if quick > 1 else FIRST_PAUSE_SECONDS
            if quick >= QUICK_DEATHS:
                self._give_up(process, status)
                return
            log.warning("nats-server (pid %d) ended with status %d; starting it again", process.pid, status)
            await asyncio.sleep(pause)
            process = self._process = await self._relaunch()

    async def _see_out(self, process: ServerProcess) -> int:
        """Wait for a server's end; return its exit status."""
        mending = asyncio.create_task(self._end_when_there_is_room(process), name="broker's disk")
        try:
            return await process.wait()
        finally:
            mending.cancel()
            await asyncio.wait([mending])

    async def _end_when_there_is_room(self, process: ServerProcess) -> None:
        await process.write_failed.wait()
        store = self._embedded.store
        log.error("the disk of %s takes nothing: publishers wait, their spools hold; looking for room", store)
        while True:
            await asyncio.sleep(LOOK_FOR_ROOM_SECONDS)
            if await asyncio.to_thread(takes_writes, store):
                break
        log.warning("the disk of %s takes writes again, and nats-server does not try by itself: ending it", store)
        await process.stop()

    async def _relaunch(self) -> ServerProcess:
        while True:
            try:
                return await self._launch()
            except OSError as error:  # no memory or no process left for us: that passes
                log.warning("nats-server cannot be started now: %s", error)
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)

    def _give_up(self, process: ServerProcess, status: int) -> None:
        self._failure = BrokerFailed(
            f"nats-server died {QUICK_DEATHS} times in a row, last with status {status}; its last lines:\n"
            f"{process.last_lines}"
        )
        if self._owner is not None:
            self._owner.cancel()


def _quick_deaths(before: int, seconds: float, status: int) -> int:
    """Return how many servers in a row have died soon after their start, by themselves."""
    if -status in KILLED:
        return 0
    return before + 1 if seconds < QUICK_DEATH_SECONDS else 1


def _check_port(embedded: Embedded) -> None:
    family = socket.AF_INET6 if ":" in embedded.host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            # As the server does: a port whose last connections still linger is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((embedded.host, embedded.port))
    except OSError as error:
        raise PortTaken(_port_message(embedded, error)) from error


def _port_message(embedded: Embedded, error: OSError) -> str:
    place = f"{embedded.host}:{embedded.port}"
    if error.errno != errno.EADDRINUSE:
        return f"cannot listen on {place}: {error.strerror}; change `broker.embedded.host` or `port`"
    holders = port_holders(embedded.port) or "a process that cannot be seen from here"
    return f"{place} is taken by {holders}; stop that, or choose another `broker.embedded.port`"


def _write_config(embedded: Embedded) -> Path:
    path = embedded.store / "nats-server.conf"
    try:
        path.write_text(server_config(embedded), encoding="utf-8")
    except OSError as error:
        msg = f"the store {embedded.store} cannot be written: {error.strerror}; name another `broker.embedded.store`"
        raise StoreUnusable(msg) from error
    return path
