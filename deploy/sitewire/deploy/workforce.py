"""Who works on what, as the bucket of leases says."""

from __future__ import annotations

from dataclasses import dataclass

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import LEASES_BUCKET, PARTITIONS, consumer_name
from sitewire.workers.outage import TAKES_NOTHING
from sitewire.workers.ownership.view import View, read_view


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """One worker that lives, or has not been missed for long enough.

    Attributes:
        id: as in the leases.
        host: the machine's name.
        pid: its process there.
        since: when it joined, seconds since the epoch.
        leaving: it is handing over.
        units: what it owns.
    """

    id: str
    host: str
    pid: int
    since: float
    leaving: bool
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartitionHealth:
    """One partition of a route.

    Attributes:
        number: which.
        worker: the id of its owner; empty if nobody has it.
        trouble: why its owner cannot work on it; empty if it can.
        place_down: the trouble is that its place takes nothing, as its owner says of the route: its other partitions
            of the route have the same.
    """

    number: int
    worker: str
    trouble: str
    place_down: bool = False


@dataclass(frozen=True, slots=True)
class OutageHealth:
    """A route's place that takes nothing, as one worker finds it.

    Attributes:
        worker: the worker's id.
        process: its process and machine, for people.
        since: seconds since the epoch.
        why: what its last attempt met.
        next_try: when it tries again, seconds since the epoch; past while an attempt is under way.
    """

    worker: str
    process: str
    since: float
    why: str
    next_try: float


@dataclass(frozen=True, slots=True)
class Workforce:
    """Everybody."""

    workers: tuple[WorkerHealth, ...]
    view: View

    def partitions(self, route: str) -> tuple[PartitionHealth, ...]:
        """Return who works on each partition of a route."""
        return tuple(self._partition(route, number) for number in range(PARTITIONS))

    def outages(self, route: str) -> tuple[OutageHealth, ...]:
        """Return which workers find that a route's place takes nothing, who has for longest first."""
        found = [
            OutageHealth(name, f"process {lease.pid} on {lease.host}", outage.since, outage.why, outage.next_try)
            for name, lease in self.view.workers.items()
            if (outage := lease.outages.get(route)) is not None
        ]
        return tuple(sorted(found, key=lambda outage: outage.since))

    def _partition(self, route: str, number: int) -> PartitionHealth:
        unit = consumer_name(route, number)
        owner = self.view.owner(unit)
        if owner is None:
            return PartitionHealth(number, "", "")
        trouble, outage = self.view.units[unit].trouble, self.view.workers[owner].outages.get(route)
        if outage is not None and (not trouble or trouble.startswith(TAKES_NOTHING)):
            # Some have met it, with an error each, others wait for their turn to try.
            return PartitionHealth(number, owner, TAKES_NOTHING + outage.why, place_down=True)
        return PartitionHealth(number, owner, trouble)


async def read_workers(client: Client) -> Workforce:
    """Ask the broker.

    Raises:
        BrokerError: it could not be read, or nobody has made the bucket yet.
    """
    view = read_view(await Bucket(client, LEASES_BUCKET).all())
    return Workforce(tuple(_worker(view, name) for name in sorted(view.workers)), view)


def _worker(view: View, name: str) -> WorkerHealth:
    lease = view.workers[name]
    units = tuple(sorted(unit for unit in view.units if view.owner(unit) == name))
    return WorkerHealth(name, lease.host, lease.pid, lease.since, lease.leaving, units)
