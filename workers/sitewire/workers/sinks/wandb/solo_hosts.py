"""Hosts for suspects: one run alone in each, a few of them at a time.

One that a suspect has left alive is kept for the next: to start one takes a second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from sitewire.workers.errors import SinkUnavailable
from sitewire.workers.sinks.threads import to_the_end
from sitewire.workers.sinks.wandb.host_process import HostProcess

MOST_ALONE: Final = max(2, min(4, os.cpu_count() or 2))
"""Of a place; to start one takes a core for a second or two, and the others wait for that on a small machine.

More suspects take turns, in the order in which they came.
"""


class SoloHosts:
    """Those of one place in a worker.

    Args:
        start: starts a host.
    """

    def __init__(self, start: Callable[[], Awaitable[HostProcess]]) -> None:
        self._start = start
        self._slots = asyncio.Semaphore(MOST_ALONE)
        self._hosts: dict[str, HostProcess] = {}
        self._spare: list[HostProcess] = []
        self._waiting = 0

    @property
    def wanted(self) -> bool:
        """Whether a run waits for its turn."""
        return self._waiting > 0

    def __len__(self) -> int:
        return len(self._hosts)

    def of(self, run: str) -> HostProcess | None:
        """Return the host that a run is alone in, if it has one."""
        return self._hosts.get(run)

    async def take(self, run: str) -> HostProcess:
        """Return a host that lives, in which the run is alone until it is given back; waits for a turn.

        Raises:
            SinkUnavailable: none can be started, or the run's last one still holds its lock.
        """
        await self.settled(run)
        if run not in self._hosts:
            await self._turn()
            try:
                self._hosts[run] = await self._one()
            except BaseException:  # a cancellation too: the turn is somebody else's
                self._slots.release()
                raise
        return self._hosts[run]

    async def replace(self, run: str) -> HostProcess:
        """Return another host for a run whose own has ended; its turn goes on.

        Raises:
            SinkUnavailable: none can be started.
        """
        host = self._hosts[run] = await self._one()
        return host

    async def settled(self, run: str) -> None:
        """Return when the run's own host, if it has died, cannot write any more; then its turn is over.

        Raises:
            SinkUnavailable: something still holds its lock.
        """
        host = self._hosts.get(run)
        if host is not None and not host.alive:
            await to_the_end(host.end())
            self._give_up(run)

    async def give_back(self, run: str) -> None:
        """End a run's turn, if it has one: nothing of it is open in its host any more, or that has died."""
        host = self._hosts.get(run)
        if host is None:
            return
        if host.alive:
            self._spare.append(host)
            self._give_up(run)
        else:
            with suppress(SinkUnavailable):  # whoever opens the run asks again, and tells
                await self.settled(run)

    async def end_spare(self, but: int = 0) -> None:
        """End those that nobody uses, but for a number of them."""
        while len(self._spare) > but:
            with suppress(SinkUnavailable):  # no run is open in it
                await to_the_end(self._spare.pop().end())

    async def all_settled(self) -> None:
        """Return when none that has died can write any more.

        Raises:
            SinkUnavailable: something still holds the lock of one.
        """
        for host in list(self._hosts.values()):
            if not host.alive:
                await to_the_end(host.end())  # whose turn it is knows by itself

    async def end(self) -> None:
        """End all; nobody uses them any more.

        Raises:
            SinkUnavailable: something still holds the lock of one.
        """
        await self.end_spare()
        for run, host in list(self._hosts.items()):
            await to_the_end(host.end())
            self._give_up(run)

    async def _turn(self) -> None:
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1

    async def _one(self) -> HostProcess:
        while self._spare:
            host = self._spare.pop()
            if host.alive:
                return host
            with suppress(SinkUnavailable):  # no run is open in it
                await to_the_end(host.end())
        return await self._start()

    def _give_up(self, run: str) -> None:
        if self._hosts.pop(run, None) is not None:
            self._slots.release()
