"""The host of a place: one for all partitions of it in this process, started when it is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from sitewire.workers.sinks.threads import to_the_end
from sitewire.workers.sinks.wandb.host_process import HostProcess

_Key: TypeAlias = tuple[str, tuple[tuple[str, Any], ...]]


class Hosts:
    """Gives the host of a place, a new one when the last has gone, until nobody uses the place any more.

    Attributes:
        place: the directory.
    """

    def __init__(self, place: Path, settings: Mapping[str, Any]) -> None:
        self.place = place
        self._settings = settings
        self._host: HostProcess | None = None
        self._turn = asyncio.Lock()
        self._users = 0

    @classmethod
    def of(cls, place: Path, settings: Mapping[str, Any]) -> Hosts:
        """Return that of a place and of settings, in this loop; give it back by ``release``."""
        known = _hosts.setdefault(asyncio.get_running_loop(), {})
        key = (str(place), tuple(sorted(settings.items())))
        hosts = known.setdefault(key, cls(place, settings))
        hosts._users += 1  # noqa: SLF001  one of its own class
        return hosts

    async def host(self) -> HostProcess:
        """Return a host that lives. One that has gone has let go of its lock by then.

        Raises:
            SinkUnavailable: none can be started, or the last one still holds its lock.
        """
        async with self._turn:
            if self._host is None or not self._host.alive:
                await self._end()
                self._host = await HostProcess.start(self.place, self._settings)
            return self._host

    async def settled(self) -> None:
        """Return when no host that has gone can write any more; one that lives can.

        Raises:
            SinkUnavailable: something still holds its lock.
        """
        async with self._turn:
            if self._host is not None and not self._host.alive:
                await self._end()

    async def release(self) -> None:
        """Give it back; the last one ends the host.

        Raises:
            SinkUnavailable: something still holds its lock.
        """
        self._users -= 1
        async with self._turn:
            if not self._users:
                await self._end()

    async def _end(self) -> None:
        if self._host is not None:
            await to_the_end(self._host.end())
            self._host = None


_hosts: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Hosts]]] = WeakKeyDictionary()
