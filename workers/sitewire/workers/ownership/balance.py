"""Who is to own which unit: a pure function of the view, so that all who see the same decide the same.

Sticky: who has a unit keeps it while that is fair. Fair: nobody has two more than another who could take one of them;
within that, the units of one route are spread. Compare-and-set settles what differing views want.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sitewire.broker_config.names import PARTITIONS, consumer_name, parse_consumer_name
from sitewire.workers.ownership.lease import TRIMMER, WorkerLease
from sitewire.workers.ownership.view import View

_FAIR: Final = 1  # units that one may have more than another


@dataclass(frozen=True, slots=True)
class Share:
    """What one worker has to do.

    Attributes:
        take: units that are free, or its own already, and that it should own.
        give: units that are its own, and should be somebody else's.
    """

    take: tuple[str, ...]
    give: tuple[str, ...]


def share_of(worker: str, view: View) -> Share:
    """Return what a worker should take and give."""
    wanted = assign(view)
    take = [unit for unit, to in wanted.items() if to == worker and view.owner(unit) in (None, worker)]
    give = [unit for unit in view.units if view.owner(unit) == worker and wanted.get(unit, worker) != worker]
    return Share(tuple(take), tuple(give))


def assign(view: View) -> dict[str, str]:
    """Return who should own each unit; one that nobody serves is not in it."""
    able = {name: worker for name, worker in sorted(view.workers.items()) if not worker.leaving}
    table = _Table({unit: [name for name in able if serves(able[name], unit)] for unit in _units(able.values())})
    for unit, servers in table.servers.items():
        if (owner := view.owner(unit)) in servers:
            table.give(unit, str(owner))
    for unit, servers in table.servers.items():
        if unit not in table.owners and servers:
            table.give(unit, min(servers, key=lambda name: table.weight(name, unit)))
    while table.level():
        pass
    return table.owners


def serves(worker: WorkerLease, unit: str) -> bool:
    """Whether a worker may own a unit."""
    return worker.trims if unit == TRIMMER else route_of(unit) in worker.routes


def route_of(unit: str) -> str:
    """Return the route that a unit belongs to; of the trimmer and of what is no unit, nothing."""
    parsed = parse_consumer_name(unit)
    return parsed[0] if parsed is not None else ""


def _units(workers: Iterable[WorkerLease]) -> list[str]:
    known = list(workers)
    routes = sorted({route for worker in known for route in worker.routes})
    units = [consumer_name(route, partition) for partition in range(PARTITIONS) for route in routes]
    return units + [TRIMMER] * any(worker.trims for worker in known)


class _Table:
    """Units being dealt."""

    def __init__(self, servers: dict[str, list[str]]) -> None:
        self.servers = servers
        self.owners: dict[str, str] = {}
        self._load: Counter[str] = Counter()
        self._of_route: Counter[tuple[str, str]] = Counter()

    def give(self, unit: str, to: str) -> None:
        """Deal a unit, or move it."""
        if (before := self.owners.get(unit)) is not None:
            self._load[before] -= 1
            self._of_route[before, route_of(unit)] -= 1
        self.owners[unit] = to
        self._load[to] += 1
        self._of_route[to, route_of(unit)] += 1

    def weight(self, worker: str, unit: str) -> tuple[int, int, str]:
        """Return what makes a worker less fit to get a unit: what it has, what it has of the route, its id."""
        return self._load[worker], self._of_route[worker, route_of(unit)], worker

    def level(self) -> bool:
        """Move one unit from who has more than is fair; whether there was one."""
        for worker in sorted(set(self.owners.values()), key=lambda name: (-self._load[name], name)):
            moves = [move for unit, owner in self.owners.items() if owner == worker for move in self._moves(unit)]
            if moves:
                *_, unit, to = min(moves)
                self.give(unit, to)
                return True
        return False

    def _moves(self, unit: str) -> list[tuple[int, int, str, str]]:
        owner, route = self.owners[unit], route_of(unit)
        to = min(self.servers[unit], key=lambda name: self.weight(name, unit))
        if self._load[owner] - self._load[to] <= _FAIR:
            return []
        more = self._of_route[owner, route] - self._of_route[to, route]
        return [(self._load[to], -more, unit, to)]
