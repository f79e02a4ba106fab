"""Does everything add up? What the sites say they logged, what the receipts say, and what TensorBoard reads."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.patterns import contains, expand, overlap
from sitewire.deploy.accounting import RunRow
from sitewire.deploy.run_state import RunState
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, RunKey
from sitewire.workers.sinks.tensorboard.layout import run_folder

_EVERYTHING = {"scalars": 0, "tensors": 0}
"""To an ``EventAccumulator``: keep all points, not a sample."""


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
    """Read the TensorBoard directories back, with TensorBoard's own reader; return what differs, a line each.

    Args:
        config: only routes that take every scalar of an origin are looked at.
        logged: scalars by tag that each origin says it has logged.
    """
    routes = [route for route in config.routes if route.sink.type == "tensorboard"]
    return [
        f"{origin.site} logged {dict(points)}, {_folder(route, origin)} holds {dict(found)}"
        for route, (origin, points) in itertools.product(routes, logged.items())
        if _takes_all_scalars(route, origin) and (found := read_points(_folder(route, origin))) != points
    ]


def read_points(folder: Path) -> Counter[str]:
    """Return how many scalars TensorBoard finds below a folder, by tag, over all series."""
    points: Counter[str] = Counter()
    for place in sorted({path.parent for path in folder.rglob("*tfevents*")}):
        events = EventAccumulator(str(place), _EVERYTHING).Reload()
        points.update({tag: len(events.Scalars(tag)) for tag in events.Tags()["scalars"]})
    return points


def logdir(route: Route) -> Path:
    """Return where a TensorBoard route writes."""
    return Path(route.sink.identity.partition(":")[2])


def _folder(route: Route, origin: RunKey) -> Path:
    return run_folder(logdir(route), origin)


def _takes_all_scalars(route: Route, origin: RunKey) -> bool:
    return any(contains(expand(pattern), _subjects(origin, RecordClass.SCALARS)) for pattern in route.subjects)


def _subjects(origin: RunKey, record_class: str = "*") -> str:
    site, run = origin.tokens
    return f"{METRICS}.{site}.{run}.{record_class}.*"
