"""Our receipts against the verdict: what ``runs --json`` says must be what a tracker's own reader finds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.load import load_config
from sitewire.deploy.cli.runs import as_json, fetch
from support.matrix.lives import LivedRun
from support.product import Site
from support.verdict import Verdict

Row = Mapping[str, Any]
Books = Mapping[tuple[str, str, str], Row]
"""Rows of ``runs --json`` by run, site and route."""

_ENDS: Final = frozenset({"complete", "short", "crashed"})
_FATES: Final = ("delivered", "filtered", "refused", "dead_letters", "gaps", "pending")


def read_books(site: Site, runs: Sequence[LivedRun], routes: Sequence[str], patience: float) -> Books:
    """Return the receipts, all of them of ended runs if that happens in time."""
    deadline = time.monotonic() + patience
    wanted = {(run.key.run, run.key.site, route) for run in runs for route in routes}
    while True:
        rows = {key: row for key, row in _fetch(site).items() if key in wanted}
        if len(rows) == len(wanted) and all(row["state"] in _ENDS and not row["pending"] for row in rows.values()):
            return rows
        if time.monotonic() > deadline:
            return rows
        time.sleep(0.1)


def missing(row: Row) -> int:
    """Return how many records a receipt names as not in the tracker."""
    return int(row["gaps"]) + int(row["dead_letters"])


def wrong(row: Row, run: LivedRun, verdict: Verdict) -> Iterator[str]:
    """Yield what does not hold of a receipt beside what the tracker has; ``verdict`` is of that tracker, unexcused."""
    route, named = row["route"], missing(row)
    least, most = run.ends_and_starts
    if row["state"] != (state := "short" if named else "complete"):
        yield f"{route}: the state is {row['state']}, not {state}"
    if row["sent"] != sum(row[name] for name in _FATES) or row["gaps"] != sum(row["holes"].values()):
        yield f"{route}: the terms do not add up: {dict(row)}"
    if row["logged"] != row["sent"] or row["pending"]:
        yield f"{route}: {row['sent']} of {row['logged']} were sent, {row['pending']} are pending"
    beside = row["delivered"] - verdict.delivered
    unseen = max(named - verdict.lost, 0)  # a hole may hold the start of a run, or what a call was killed in
    if not least - unseen <= beside <= most:
        yield f"{route}: delivered is {row['delivered']}, the tracker has {verdict.delivered} points"
    if named < verdict.lost or unseen > most + len(run.unsure):
        yield f"{route}: names {named} as missing, {verdict.lost} are"


def _fetch(site: Site) -> Books:
    config = load_config(site.folder / "sitewire.yaml")
    try:
        rows = [as_json(row) for row in asyncio.run(fetch(config))]
    except BrokerError:
        return {}  # it is just back
    return {(str(row["run"]), str(row["site"]), str(row["route"])): row for row in rows}
