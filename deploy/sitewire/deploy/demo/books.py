"""Does everything add up? What the sites say they logged, what the receipts say, and what each tracker holds."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.patterns import contains, expand, overlap
from sitewire.deploy.accounting import RunRow
from sitewire.deploy.demo.errors import NotReadable
from sitewire.deploy.demo.readers import place_of, read_points
from sitewire.deploy.run_state import RunState
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, RunKey


def expected_rows(config: Config, origins: Iterable[RunKey]) -> set[tuple[str, str]]:
    """Return the route and site of every receipt that there has to be."""
    return {
        (route.name, origin.site)
        for route, origin in itertools.product(config.routes, origins)
        if any(overlap(expand(pattern), _subjects(origin)) for pattern in route.subjects)
    }


def shortfalls(rows: Sequence[RunRow], expected: set[tuple[str, str]]) -> list[str]:
    """Return what does not add up in the receipts, a line each."""
    missing = expected - {(row.route, row.site) for row in rows}
    lines = [f"no receipt of {site} in the route {route}" for route, site in sorted(missing)]
    return lines + [
        f"{row.site} in the route {row.route} is {row.state}: {row.logged} logged, {row.sent} sent, "
        f"{row.delivered} delivered, {row.pending} pending"
        for row in rows
        if not (row.state is RunState.COMPLETE and row.logged == row.sent == row.delivered)
    ]


def differences(config: Config, logged: Mapping[RunKey, Mapping[str, int]]) -> list[str]:
    """Read the trackers back, each with its own reader; return what differs, a line each.

    Args:
        config: only routes that take every scalar of an origin are looked at, and those whose tracker is read here.
        logged: scalars by series and name that each origin says it has logged.
    """
    pairs = [pair for pair in itertools.product(config.routes, logged) if _takes_all_scalars(*pair)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # one reader is a program of its own
        found = pool.map(lambda pair: list(_differs(pair[0], pair[1], logged[pair[1]])), pairs)
        return [line for lines in found for line in lines]


def _differs(route: Route, origin: RunKey, points: Mapping[str, int]) -> Iterator[str]:
    try:
        found = read_points(route, origin)
    except NotReadable as error:
        yield f"{origin.site} in the route {route.name}: {error}"
        return
    if found is not None and found != points:
        yield f"{origin.site} logged {dict(points)}, {route.sink.type} in {place_of(route)} holds {dict(found)}"


def _takes_all_scalars(route: Route, origin: RunKey) -> bool:
    return any(contains(expand(pattern), _subjects(origin, RecordClass.SCALARS)) for pattern in route.subjects)


def _subjects(origin: RunKey, record_class: str = "*") -> str:
    site, run = origin.tokens
    return f"{METRICS}.{site}.{run}.{record_class}.*"
