"""What ``status`` says of the metrics stream when there is little room in it, and of what was put aside."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sitewire.deploy.cli.terminal import counted, duration, printable, size
from sitewire.workers.ownership.lease import TRIMMER
from sitewire.workers.trimmer.needs import NeedKind

if TYPE_CHECKING:
    from rich.console import RenderableType

    from sitewire.deploy.health import Health
    from sitewire.deploy.room import Holder

LITTLE_ROOM = 0.8
"""The share of the bound above which ``status`` says how long it lasts and who holds the stream."""


def warnings(health: Health) -> list[str]:
    """Return the lines below the table of streams."""
    lines = [
        f"route {route} is not in the file, and holds the stream: `sitewire broker forget -c FILE {route}` gives it up"
        for route in health.stale_routes
    ]
    if health.room.fullness >= LITTLE_ROOM:
        lines.insert(0, _little_room(health))
    if health.room.disk:
        lines.insert(0, printable(health.room.disk))
    return ["", *lines] if lines else []


def parked_runs(health: Health) -> list[RenderableType]:
    """Return the table of parked runs, if there are any."""
    from rich.table import Table

    if not health.parked:
        return []
    now = time.time()
    table = Table("parked run", "site", "route", "since", "reason", box=None, pad_edge=False, header_style="bold")
    for item in health.parked:
        since = f"{duration(now - item.since)} ago" if item.since else "?"
        table.add_row(*map(printable, (item.run, item.site, item.route, since, item.reason)))
    return ["", table]


def _little_room(health: Health) -> str:
    room = health.room
    full = f"the metrics stream is {room.fullness:.0%} full"
    if room.full_in is not None:
        full += f", at this rate wholly in {duration(room.full_in)}" if room.full_in > 1 else "; publishers wait"
    if not any(TRIMMER in worker.units for worker in health.workers):
        full += "; nobody trims it, because no worker runs without `--route`"
    return f"{full}: held by {_who(room.holders[0], health)}" if room.holders else full


def _who(holder: Holder, health: Health) -> str:
    if holder.kind is NeedKind.NO_ROUTE:
        return "nobody, but no route has been made yet: start a worker"
    who = f"route {printable(holder.route)}" + ("" if holder.partition is None else f", partition {holder.partition}")
    if holder.run:
        who += f", its parked run {printable(holder.run)} of {printable(holder.site)}"
    who += f" ({counted(holder.messages, 'message')}, {size(holder.bytes)}, the oldest {duration(holder.seconds)} old)"
    return who + _why(holder, health)


def _why(holder: Holder, health: Health) -> str:
    if holder.kind is NeedKind.INCOMPLETE:
        return ", of which consumers are missing: `sitewire broker apply` makes them, `broker forget` gives it up"
    if not holder.in_file:
        return ", which is not in the file"
    taken = {route.name: route.partitions_taken for route in health.routes}
    return "" if taken.get(holder.route) else ", which no worker has taken up"
