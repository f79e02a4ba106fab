"""``sitewire status``: streams, routes and their lag, sites last seen."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.connected import connected
from sitewire.deploy.cli.room import parked_runs, warnings
from sitewire.deploy.cli.terminal import counted, open_console, printable, size
from sitewire.deploy.cli.troubles import outages, troubles

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from sitewire.broker_config.model import Config
    from sitewire.deploy.health import Health, RouteHealth

WATCH_INTERVAL = 2.0  # seconds


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "status",
        "show streams, routes with their lag in records and seconds, workers, and sites last seen",
        "sitewire status -c sitewire.yaml --watch",
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="one object, for programs")
    parser.add_argument("--watch", action="store_true", help="again every two seconds, until Ctrl-C")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print once, or again and again."""
    from sitewire.broker_config.load import load_config

    config, console = load_config(options.config), open_console()
    asyncio.run(_show(config, console, as_json=options.json, watch=options.watch))
    return 0


async def _show(config: Config, console: Console, *, as_json: bool, watch: bool) -> None:
    from sitewire.broker_config.cancellation import heed_cancellation
    from sitewire.deploy.health import read_health

    async with connected(config, "sitewire status") as client:
        while True:
            heed_cancellation()
            health = await read_health(client, config)
            if watch and not as_json:
                console.clear()
            if as_json:
                print(json.dumps(asdict(health)), flush=True)
            else:
                console.print(view(health))
            if not watch:
                return
            await asyncio.sleep(WATCH_INTERVAL)


def view(health: Health) -> RenderableType:
    """Return the tables that people read."""
    from rich.console import Group
    from rich.table import Table

    now = time.time()
    streams = Table("stream", "messages", "size", "of", box=None, pad_edge=False, header_style="bold")
    for stream in health.streams:
        streams.add_row(stream.name, str(stream.messages), size(stream.bytes), size(stream.max_bytes))
    routes = Table(
        "route", "waiting", "oldest", "dead letters", "workers", "place", box=None, pad_edge=False, header_style="bold"
    )
    routes.columns[-1].overflow = "fold"  # a place with an ellipsis in it is none
    for route in health.routes:
        waiting, oldest = counted(route.lag_messages, "message"), f"{route.lag_seconds:.1f} s"
        routes.add_row(route.name, waiting, oldest, str(route.dead_letters), _taken(route), route.sink)
    workers = Table("worker", "on", "since", "units", box=None, pad_edge=False, header_style="bold")
    for worker in health.workers:
        since = f"{max(now - worker.since, 0):.0f} s ago"
        units = f"{len(worker.units)}{', leaving' if worker.leaving else ''}"
        workers.add_row(f"process {worker.pid}", printable(worker.host), since, units)
    sites = Table("site", "last heard", "writers alive", "runs", box=None, pad_edge=False, header_style="bold")
    for site in health.sites:
        heard = f"{max(now - site.last_heard, 0):.0f} s ago"
        sites.add_row(printable(site.name), heard, str(site.alive), str(site.runs))
    partitions = ((route.name, partition) for route in health.routes for partition in route.owners)
    places = ((route.name, route.sink, route.outages) for route in health.routes)
    found = map(printable, [*outages(places, now), *troubles(partitions)])
    top: list[RenderableType] = [streams, *warnings(health), "", routes, *found]
    return Group(*top, "", workers, "", sites, *parked_runs(health))


def _taken(route: RouteHealth) -> str:
    count = len({partition.worker for partition in route.owners if partition.worker})
    troubled = sum(bool(partition.trouble) for partition in route.owners)
    text = f"{route.partitions_taken} of {route.partitions} partitions, {counted(count, 'worker')}"
    return f"{text}, {troubled} in trouble" if troubled else text
