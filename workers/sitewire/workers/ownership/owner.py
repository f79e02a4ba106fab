"""The loop of a worker that shares work: look, evict the dead, take, hand over."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError, Conflict
from sitewire.broker_config.names import LEASES_BUCKET
from sitewire.workers.outage import Outage
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.balance import route_of, share_of
from sitewire.workers.ownership.claim import Claim
from sitewire.workers.ownership.clock import now
from sitewire.workers.ownership.errors import Evicted
from sitewire.workers.ownership.hints import Hints
from sitewire.workers.ownership.kernel import is_gone, this_kernel
from sitewire.workers.ownership.lease import TRIMMER, UNIT_KEYS, WORKER_KEYS, WorkerLease
from sitewire.workers.ownership.member import LEAVE_TIMEOUT, Membership
from sitewire.workers.ownership.said import SaidOnce
from sitewire.workers.ownership.tenure import Tenure
from sitewire.workers.ownership.unit import Unit
from sitewire.workers.ownership.view import View, Watch, read_view

LEASES: Final = "leases"  # whose troubles are those of looking

HAND_OVER = 20.0  # seconds; what takes longer is dropped, and its sink keeps others out

_logger = logging.getLogger("sitewire.worker")


class Owner:
    """Owns a fair share of units, together with all others that look at the same bucket.

    Args:
        client: connected; the bucket is there.
        units: what this worker can do.
        said: the troubles that have been logged.
        outages: asked, by route, for what the worker's key is to say of places that take nothing.
    """

    def __init__(
        self, client: Client, units: Iterable[Unit], said: SaidOnce, outages: Callable[[], Mapping[str, Outage]] = dict
    ) -> None:
        self._client = client
        self._units = {unit.name: unit for unit in units}
        self._said = said
        self._outages = outages

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then hand over everything. Who is evicted drops everything and joins anew.

        Raises:
            Permanent: a sink cannot work as it is configured.
            BrokerError: the client is closed.
        """
        kernel = await asyncio.to_thread(this_kernel)
        # Tenures are no part of a life: one that cannot end, because a write hangs, must not keep it from the next.
        async with asyncio.TaskGroup() as tenures:
            while not stop.is_set():
                heed_cancellation()
                own = _introduction(self._units, kernel)
                life = _Life(self._client, self._units, self._said, own, self._outages)
                try:
                    await life.run(stop, tenures)
                except* Evicted as errors:
                    _logger.warning("%s; what it had is dropped, and it joins anew", errors.exceptions[0])


class _Life:
    """One membership: from joining to leaving, or until others say that it is over."""

    def __init__(
        self,
        client: Client,
        units: dict[str, Unit],
        said: SaidOnce,
        own: WorkerLease,
        outages: Callable[[], Mapping[str, Outage]],
    ) -> None:
        self._client = client
        self._units = units
        self._said = said
        self._kernel = own.kernel
        self._bucket = Bucket(client, LEASES_BUCKET)
        self._member = Membership(client, self._bucket, own, outages)
        self._hints = Hints(client, self._bucket)
        self._watch = Watch(self._member.id)
        self._known: set[str] | None = None
        self._tenures: dict[str, tuple[Tenure, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event, tenures: asyncio.TaskGroup) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._member.keep(), name="renew the lease")
                looking = group.create_task(self._look_on(tenures), name="look at the leases")
                await stop.wait()
                looking.cancel()
                await asyncio.wait([looking])  # or it could take more behind the back of who hands over
                await self._member.say_leaving()
                await self._hand_over()
                keeping.cancel()
        finally:
            await self._drop()
            await self._member.leave()

    async def _drop(self) -> None:
        """End what was not handed over; what takes long goes on ending, and its sink keeps others out."""
        tasks = [task for _, task in self._tenures.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LEAVE_TIMEOUT)

    async def _hand_over(self) -> None:
        for tenure, _ in self._tenures.values():
            tenure.ended.set()
        if self._tenures:
            await asyncio.wait([task for _, task in self._tenures.values()], timeout=HAND_OVER)

    async def _look_on(self, group: asyncio.TaskGroup) -> None:
        await self._member.joined.wait()
        async with self._hints.heard():
            while True:
                heed_cancellation()
                try:
                    await self._turn(group)
                except BrokerError as error:
                    if self._client.is_closed:
                        raise
                    self._watch.forget()
                    self._said.warn(LEASES, f"the leases cannot be read or written: {error}", "trying again")
                await self._hints.wait(min(lease.LOOK, self._watch.due(now())))

    async def _turn(self, group: asyncio.TaskGroup) -> None:
        if not self._client.is_connected:
            self._watch.forget()  # nobody can renew
            return
        view = read_view(await self._bucket.all())
        if self._member.id not in view.workers:
            await self._member.renew()  # which finds out
            return
        dead = self._dead(view)
        for worker in dead:
            await self._evict(worker, view)
        if dead:
            self._hints.wake()
            return
        await self._mind(view)
        await self._share(group, view)
        self._said.over(LEASES)

    def _dead(self, view: View) -> set[str]:
        """Return who has stood still for too long, and at the first look the predecessors whose process has ended."""
        dead = set(self._watch.look(view, now()))
        if self._known is None:
            self._known = set(view.workers)
            dead |= {name for name, worker in view.workers.items() if is_gone(worker, self._kernel)}
        return dead

    async def _evict(self, worker: str, view: View) -> None:
        gone = view.workers[worker]
        if await self._delete(WORKER_KEYS + worker, view):
            _logger.warning("process %d on %s was not heard of: what it had is taken over", gone.pid, gone.host)

    async def _delete(self, key: str, view: View) -> bool:
        """Delete a key as it was seen; False if it was changed since: renewed, or deleted by somebody else."""
        try:
            await self._bucket.delete(key, view.revisions[key])
        except Conflict:
            return False
        return True

    async def _mind(self, view: View) -> None:
        """Drop what is not ours any more, and write what is wrong with what is."""
        for name, (tenure, task) in list(self._tenures.items()):
            held = view.units.get(name)
            if held is not None and held.worker == self._member.id:
                tenure.claim.seen(view.revisions[UNIT_KEYS + name], held)
                with suppress(Conflict):  # it was handed over meanwhile; the next look shows it
                    await tenure.claim.say(tenure.trouble)
            elif not tenure.ended.is_set():
                _logger.warning("%s: somebody else has it", self._units[name].title)
                task.cancel()

    async def _share(self, group: asyncio.TaskGroup, view: View) -> None:
        share = share_of(self._member.id, view)
        for name in share.give:
            if name in self._tenures:
                if not self._tenures[name][0].hangs:  # it is given when that is over
                    self._tenures[name][0].ended.set()
            else:  # an answer was lost, when it was taken or handed over
                await self._delete(UNIT_KEYS + name, view)
        free = [name for name in share.take if name in self._units and name not in self._tenures]
        async with asyncio.TaskGroup() as taking:
            for name in free:
                taking.create_task(self._take(group, name, view.revisions.get(UNIT_KEYS + name)))

    async def _take(self, group: asyncio.TaskGroup, name: str, revision: int | None) -> None:
        claim = Claim(self._bucket, name, self._member.id)
        try:
            taken = await claim.take(revision)
        except BrokerError as error:
            self._said.warn(name, f"{self._units[name].title}: not taken: {error}", "trying again")
            return
        self._said.over(name)
        if not taken:
            return  # somebody was faster
        tenure = Tenure(self._units[name], claim, self._member, self._client, self._said, self._hints.wake)
        task = group.create_task(tenure.run(), name=self._units[name].title)
        self._tenures[name] = tenure, task
        task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        del self._tenures[name]
        self._hints.wake()


def _introduction(units: Mapping[str, Unit], kernel: str) -> WorkerLease:
    places = {route: unit.place for name, unit in units.items() if (route := route_of(name))}
    return WorkerLease(
        socket.gethostname(),
        os.getpid(),
        time.time(),
        tuple(sorted(places)),
        TRIMMER in units,
        kernel=kernel,
        places=places,
    )
