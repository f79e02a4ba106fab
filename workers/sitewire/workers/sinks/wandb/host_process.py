"""The host as the worker sees it: a child that is asked, and killed when it does not answer."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgpack

from sitewire.workers.errors import SinkUnavailable, os_errors_as_ours
from sitewire.workers.sinks.threads import in_thread, to_the_end
from sitewire.workers.sinks.wandb.core_lock import CoreLock, drained, last_words
from sitewire.workers.sinks.wandb.errors import HostGone, HostHangs, from_client
from sitewire.workers.sinks.wandb.protocol import MAX_MESSAGE_BYTES, Operation
from sitewire.workers.sinks.wandb.suspects import Death

HANGS: Final = 30.0
"""Seconds that a request may take, be it the first, which imports the client, or the end of a large run."""

ENDS: Final = 10.0
"""Seconds that a host and its core may take to end once nobody is connected, or they were killed."""

_MODULE: Final = "sitewire.workers.sinks.wandb.host"
_QUIET: Final = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_CONSOLE": "off"}


class HostProcess:
    """A host that was started, and whether it still is.

    Attributes:
        lock: the core lock that it holds.
        blamed: the runs that were being worked on when it died; none of one that lives, or was ended in order.
    """

    def __init__(self, lock: CoreLock, process: Process, connection: socket.socket) -> None:
        self.lock = lock
        self._process = process
        self._connection = connection
        self._writer: asyncio.StreamWriter
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._reading: asyncio.Task[None] | None = None
        self._gone = False
        self._words = ""
        self._crashed = False
        self._hung = False
        self._at_work: set[str] = set()
        self.blamed: frozenset[str] = frozenset()

    @classmethod
    async def start(cls, place: Path, settings: Mapping[str, Any]) -> HostProcess:
        """Start a host for a place, and give it its settings.

        Raises:
            SinkUnavailable: it could not be started.
        """
        lock = await in_thread(CoreLock.make, place)
        ours, theirs = socket.socketpair()
        try:
            with os_errors_as_ours(place):
                process = await to_the_end(_start(lock, theirs))
        except BaseException:  # a cancellation too: nobody will know this connection
            ours.close()
            raise
        finally:
            theirs.close()
            lock.let_go()
        host = cls(lock, process, ours)
        try:
            await host._connect()
            await host.request(Operation.BEGIN, "", settings)
        except BaseException:  # a cancellation too: a host that nobody knows must not stay
            await to_the_end(host.end())
            raise
        return host

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._gone

    @property
    def death(self) -> Death:
        """What it has died of, once it has ended."""
        if self._hung:
            return Death.HUNG
        return Death.BY_ITSELF if self._crashed else Death.OUTSIDE

    @property
    def words(self) -> str:
        """What it said last, once it has ended; for people."""
        return self._words

    def begins(self, run: str) -> None:
        """Note that a run is being worked on: from what is asked for until it is in the file."""
        self._at_work.add(run)

    def rests(self, run: str) -> None:
        """Note that nothing of a run is under way."""
        self._at_work.discard(run)

    def check(self) -> None:
        """Do nothing, unless it has ended.

        Raises:
            HostGone: it has.
        """
        if self._gone:
            raise self._why_gone()

    async def request(self, operation: Operation, run: str, said: Any) -> Any:  # noqa: ANN401  what an operation takes and returns
        """Ask, and return the answer.

        Raises:
            ClientRefused: the client raised; the run has to be closed.
            HostGone: the host has ended.
            HostHangs: it has not answered, and has been killed.
        """
        self.check()
        self._number += 1
        number = self._number
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(HANGS):
                self._writer.write(msgpack.packb([number, operation, run, said]))
                await self._writer.drain()
                error, value = await answer
        except TimeoutError:
            self.kill(Death.HUNG)
            msg = f"W&B's client has not answered for {HANGS:.0f} s ({operation} of {run}); it was killed"
            raise HostHangs(msg) from None
        except ConnectionError:
            self.kill()
            raise self._why_gone() from None
        finally:
            del self._waiting[number]
        if error is None:
            return value
        ours = from_client(error, value)
        if isinstance(ours, HostGone):  # its core is gone: it will never do anything again
            self.kill()
        raise ours

    def kill(self, why: Death = Death.OUTSIDE) -> None:
        """Kill it, if it has not gone. Its core ends by itself then, or is killed by ``end``.

        Args:
            why: ``HUNG``, if it is for that.
        """
        if not self._gone:
            self._gone = True
            self._hung = why is Death.HUNG
            self.blamed = frozenset(self._at_work)
        if self._process.returncode is None:
            self._process.kill()

    async def end(self) -> None:
        """Close the connection, which ends it, and return when neither it nor its core can write any more.

        Raises:
            SinkUnavailable: something still holds the core lock.
        """
        self._gone = True
        if self._reading is not None:
            self._writer.close()
        self._connection.close()
        try:
            async with asyncio.timeout(ENDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading
        if not await drained(self.lock.path, ENDS):
            await in_thread(_kill_holders, self.lock.path)
            if not await drained(self.lock.path, ENDS):
                msg = f"{self.lock.path}: W&B's client was killed, and something still holds its lock"
                raise SinkUnavailable(msg)

    async def _connect(self) -> None:
        reader, self._writer = await asyncio.open_connection(sock=self._connection)
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Hand out answers until there are no more; then whoever waits for one is told."""
        answers = msgpack.Unpacker(max_buffer_size=MAX_MESSAGE_BYTES)
        try:
            while data := await reader.read(1 << 16):
                answers.feed(data)
                for number, error, value in answers:
                    future = self._waiting.get(number)
                    if future is not None and not future.done():
                        future.set_result((error, value))
        except (ConnectionError, ValueError):
            pass  # what is no answer is no host of ours
        self.kill()
        await self._process.wait()
        self._words, self._crashed = await in_thread(last_words, self.lock.path)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(self._why_gone())

    def _why_gone(self) -> HostGone:
        why = f": {self._words}" if self._words else ""
        return HostGone(f"W&B's client has ended{why}; all of its runs are opened again")


async def _start(lock: CoreLock, connection: socket.socket) -> Process:
    descriptor = connection.fileno()
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-X",
        "faulthandler",  # a crash of its own says that it is one
        "-m",
        _MODULE,
        str(descriptor),
        stdin=lock.descriptor,
        stdout=DEVNULL,
        stderr=lock.descriptor,
        pass_fds=(descriptor,),
        env=_environment(lock.path.parent),
        cwd=lock.path.parent,  # the client reads settings from where it is started
        start_new_session=True,  # a Ctrl-C at the terminal is the worker's: it still has to hand over what it holds
    )


def _environment(folder: Path) -> dict[str, str]:
    """Return the worker's environment without anything that configures the client; its own files stay in the place."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("WANDB_", "_WANDB_"))}
    own = {f"WANDB_{name}_DIR": str(folder / "client") for name in ("CONFIG", "CACHE", "DATA", "ARTIFACT")}
    return {**inherited, **_QUIET, **own}


def _kill_holders(path: Path) -> None:
    """Kill the processes that have a core lock open: host and core of ours, which nothing else ends."""
    for pid in _holders(path):
        try:
            os.kill(pid, 9)
        except (ProcessLookupError, PermissionError):
            continue  # gone meanwhile, or none of ours


def _holders(path: Path) -> list[int]:
    """Return who has a file as its standard input; only Linux says."""
    found, real = [], path.resolve()
    for entry in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            if entry.readlink() == real:
                found.append(int(entry.parts[2]))
        except OSError:
            continue
    return found
