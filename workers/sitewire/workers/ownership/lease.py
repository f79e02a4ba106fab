"""What the keys of the bucket hold, as JSON: ``worker.<id>`` says who lives, ``unit.<name>`` who owns a unit of work.

Other versions and other hands write here too: what cannot be read is taken for a worker that serves nothing, or for a
unit that nobody owns, and stops nobody.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeVar

from sitewire.broker_config.names import ROUTE_NAME
from sitewire.workers.outage import MOST_WHY, Outage

T = TypeVar("T")

LEASE = 6.0
"""Seconds that a worker's key may stand still before others take the worker for dead.

More than a renewal and the longest pause of a client that reconnects: a broker that was away costs nobody its units.
"""

RENEW = 2.0
"""Seconds between two renewals."""

LOOK = 1.0
"""Seconds between two looks at the bucket, if nothing moves in it."""

TRIMMER: Final = "trimmer"
"""The unit that is no route's."""

WORKER_KEYS: Final = "worker."
UNIT_KEYS: Final = "unit."

_MOST: Final = 65536  # bytes of a value that are looked at


@dataclass(frozen=True, slots=True)
class WorkerLease:
    """A worker.

    Attributes:
        host: the machine's name, for people.
        pid: its process there, for people; and for ``kernel``.
        since: when it became a member, seconds since the epoch.
        routes: the names of those that it delivers.
        trims: whether it may own the trimmer.
        leaving: it hands over what it has; nothing more for it.
        kernel: whose process the ``pid`` is, see ``kernel``; empty if that is not known.
        places: of each route, the digest of the place that it is delivered to; who moves a route looks at it.
        outages: of routes whose place takes nothing, what this worker says of that.
    """

    host: str = ""
    pid: int = 0
    since: float = 0.0
    routes: tuple[str, ...] = ()
    trims: bool = False
    leaving: bool = False
    kernel: str = ""
    places: Mapping[str, str] = field(default_factory=dict)
    outages: Mapping[str, Outage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UnitLease:
    """A unit of work.

    Attributes:
        worker: the id of its owner; of no use if that one's key is gone.
        since: when it was taken, seconds since the epoch.
        trouble: why its owner cannot work on it; empty if it can.
    """

    worker: str = ""
    since: float = 0.0
    trouble: str = ""


def encode(lease: WorkerLease | UnitLease) -> bytes:
    """Write a value."""
    return json.dumps(asdict(lease)).encode()


def decode_worker(data: bytes) -> WorkerLease:
    """Read a worker's value; whatever is not as it should be, is as it is by default."""
    found = _read(data)
    routes = found.get("routes")
    return WorkerLease(
        host=_of(found, "host", str, ""),
        pid=_of(found, "pid", int, 0),
        since=_time(found),
        routes=tuple(filter(_is_route, routes)) if isinstance(routes, list) else (),
        trims=found.get("trims") is True,
        leaving=found.get("leaving") is True,
        kernel=_of(found, "kernel", str, ""),
        places=_places(found),
        outages=_outages(found),
    )


def decode_unit(data: bytes) -> UnitLease:
    """Read a unit's value; whatever is not as it should be, is as it is by default."""
    found = _read(data)
    return UnitLease(_of(found, "worker", str, ""), _time(found), _of(found, "trouble", str, ""))


def _read(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data[:_MOST])
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _of(found: dict[str, Any], key: str, kind: type[T], default: T) -> T:
    value = found.get(key)
    return value if type(value) is kind else default


def _is_route(name: object) -> bool:
    return isinstance(name, str) and ROUTE_NAME.fullmatch(name) is not None


def _places(found: dict[str, Any]) -> dict[str, str]:
    places = _of(found, "places", dict, {})
    return {route: place for route, place in places.items() if _is_route(route) and isinstance(place, str)}


def _outages(found: dict[str, Any]) -> dict[str, Outage]:
    return {
        route: Outage(_time(said), _of(said, "why", str, "")[:MOST_WHY], _time(said, "next_try"))
        for route, said in _of(found, "outages", dict, {}).items()
        if _is_route(route) and isinstance(said, dict)
    }


def _time(found: dict[str, Any], key: str = "since") -> float:
    value = found.get(key)
    # JSON's numbers may be infinite, or too large for a float.
    return float(value) if isinstance(value, int | float) and 0 <= value < 2**40 else 0.0
