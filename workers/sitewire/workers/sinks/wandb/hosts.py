"""The hosts of a place: one for all partitions of it in this process, started when it is needed.

Runs that may have ended it go on in hosts of their own: ``suspects``, ``solo_hosts``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.workers.errors import SinkUnavailable
from sitewire.workers.sinks.threads import to_the_end
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.probe import probe
from sitewire.workers.sinks.wandb.solo_hosts import SoloHosts
from sitewire.workers.sinks.wandb.suspects import Death, Indexes, Suspects

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
        self._suspects = Suspects()
        self._solo = SoloHosts(self._start)

    @classmethod
    def of(cls, place: Path, settings: Mapping[str, Any]) -> Hosts:
        """Return that of a place and of settings, in this loop; give it back by ``release``."""
        known = _hosts.setdefault(asyncio.get_running_loop(), {})
        key = (str(place), tuple(sorted(settings.items())))
        hosts = known.setdefault(key, cls(place, settings))
        hosts._users += 1  # noqa: SLF001  one of its own class
        return hosts

    async def host(self, run: str) -> HostProcess:
        """Return a host that lives. One that has gone has let go of its lock by then.

        A suspect gets one of its own, perhaps after waiting for a turn, and gives it back by ``leave``.

        Args:
            run: W&B's id of it.

        Raises:
            SinkUnavailable: none can be started, or the last one still holds its lock.
        """
        async with self._turn:
            await self._end_gone()
            if run not in self._suspects:
                if self._host is None:
                    self._host = await self._start()
                return self._host
        return await self._solo.take(run)

    def is_alone(self, run: str) -> bool:
        """Whether a run has a host of its own."""
        return self._solo.of(run) is not None

    async def leave(self, run: str) -> None:
        """Note that nothing of a run is open any more, or that its host has gone."""
        await self._solo.give_back(run)
        await self._solo.end_spare(but=max(len(self._suspects) - len(self._solo), 0))

    def passed(self, run: str, positions: Mapping[StreamKey, Position]) -> bool:
        """Note that a batch of a run has gone through; return whether it is to leave a host that it has for itself.

        Args:
            run: whose.
            positions: what is committed of it.
        """
        self._suspects.passed(run, positions)
        return self.is_alone(run) and (run not in self._suspects or self._solo.wanted)

    async def convicts(self, run: str, batch: Sequence[Indexes], before: Mapping[str, Any]) -> str | None:
        """Look into a batch that has failed with the client; if it is to be refused (``suspects``), return why.

        Of a run that is not alone this does nothing. What is returned is for people, and perhaps empty.

        Args:
            run: whose.
            batch: its records.
            before: what was to be seen of the run beside its rows before the batch, as arguments of ``Operation.OPEN``.

        Raises:
            SinkUnavailable: the host still holds its lock, or no other can be started.
        """
        host = self._solo.of(run)
        if host is None:
            return None
        host.kill(Death.HUNG)
        await to_the_end(host.end())
        if host.death is Death.OUTSIDE:
            return None
        other = await self._solo.replace(run)
        works = await self._works(other, before)
        refused = self._suspects.died(run, host.death, batch, others_work=works)
        return host.words if refused else None

    async def settled(self, run: str | None = None) -> None:
        """Return when no host that has gone can write any more; one that lives can.

        Args:
            run: if given, only the hosts that it was open in count.

        Raises:
            SinkUnavailable: something still holds its lock.
        """
        async with self._turn:
            await self._end_gone()
        await (self._solo.all_settled() if run is None else self._solo.settled(run))

    async def release(self) -> None:
        """Give it back; the last one ends the host.

        Raises:
            SinkUnavailable: something still holds its lock.
        """
        self._users -= 1
        await self._solo.end_spare()
        async with self._turn:
            if not self._users:
                try:
                    await self._solo.end()
                finally:
                    await self._end()

    async def _works(self, host: HostProcess, shown: Mapping[str, Any]) -> bool:
        try:
            await probe(host, self.place, shown)
        except SinkUnavailable:
            host.kill()
            return False
        return True

    async def _start(self) -> HostProcess:
        return await HostProcess.start(self.place, self._settings)

    async def _end_gone(self) -> None:
        """End the host if it has gone; whoever was being worked on then is suspect."""
        if self._host is not None and not self._host.alive:
            await self._end()

    async def _end(self) -> None:
        if self._host is not None:
            self._suspects.add(self._host.blamed)
            await to_the_end(self._host.end())
            self._host = None


_hosts: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Hosts]]] = WeakKeyDictionary()
