"""Who is to own which unit: a pure function of the view, so that all who see the same decide the same.

Sticky: who has a unit keeps it while that is fair. Fair: nobody has two more than another who could take one of them;
within that, the units of one route are spread. Compare-and-set settles what differing views want.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
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
    table = _Table(able)
    for unit, servers in table.servers.items():
        if (owner := view.owner(unit)) in servers:
            table.give(unit, str(owner))
    for unit, servers in table.servers.items():
        if unit not in table.owners and servers:
            table.give(unit, table.fittest(servers, route_of(unit)))
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
    """Units being dealt.

    The loop of a worker waits for this, and 800 units that are dealt anew are 800 moves: a move looks at routes, not
    at their units, and asks once for all that have the same servers who of these has least.

    Attributes:
        servers: by unit, who may own it.
        owners: by unit, who is to.
    """

    def __init__(self, able: Mapping[str, WorkerLease]) -> None:
        units = _units(able.values())
        of_route = {
            route: tuple(name for name, worker in able.items() if serves(worker, unit))
            for route, unit in {route_of(unit): unit for unit in units}.items()
        }
        self.servers = {unit: of_route[route_of(unit)] for unit in units}
        self.owners: dict[str, str] = {}
        self._alike: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
        for route, servers in of_route.items():
            self._alike[servers].append(route)
        self._load: Counter[str] = Counter()
        self._held: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def give(self, unit: str, to: str) -> None:
        """Deal a unit, or move it."""
        route = route_of(unit)
        if (before := self.owners.get(unit)) is not None:
            self._load[before] -= 1
            self._held[before, route].remove(unit)
        self.owners[unit] = to
        self._load[to] += 1
        self._held[to, route].add(unit)

    def fittest(self, workers: Iterable[str], route: str) -> str:
        """Return who is to get one more of a route: by what each has, what it has of the route, its id."""
        return min(workers, key=lambda name: (self._load[name], len(self._held[name, route]), name))

    def level(self) -> bool:
        """Move one unit from who has more than is fair; whether there was one."""
        for worker in sorted(self._load, key=lambda name: (-self._load[name], name)):
            moves = list(self._moves(worker))
            if moves:
                *_, unit, to = min(moves)
                self.give(unit, to)
                return True
        return False

    def _moves(self, worker: str) -> Iterator[tuple[int, int, str, str]]:
        """Yield what of a worker may move, one unit a route; the least one is the best."""
        for servers, routes in self._alike.items():
            least = min((self._load[name] for name in servers), default=0)
            if self._load[worker] - least <= _FAIR:
                continue
            idle = [name for name in servers if self._load[name] == least]
            for route in routes:
                if units := self._held[worker, route]:
                    to = self.fittest(idle, route)
                    more = len(units) - len(self._held[to, route])
                    yield least, -more, min(units), to
