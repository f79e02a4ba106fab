"""``sitewire drain``: wait until everything that was logged is delivered."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.deploy.cli.arguments import Commands, add_config, add_timeout, command
from sitewire.deploy.cli.connected import connected
from sitewire.deploy.cli.terminal import counted, printable
from sitewire.deploy.cli.troubles import outages, troubles

if TYPE_CHECKING:
    from nats.aio.client import Client

    from sitewire.broker_config.model import Config

LOOK_INTERVAL = 0.5  # seconds
ENDS_PATIENCE = 10.0  # seconds that trackers have to be told of the ends of runs, once all records are there


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "drain",
        "wait until nothing is on its way, from the local spool to every route; exit 1 if something still is",
        "sitewire drain -c sitewire.yaml --timeout 60",
    )
    add_config(parser)
    add_timeout(parser, 300.0)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait; 0 when nothing is on its way any more, 1 otherwise. The last line says what that means."""
    from sitewire.broker_config.load import load_config

    config = load_config(options.config)
    left = asyncio.run(drain(config, options.timeout))
    for line in left:
        print(printable(line), file=sys.stderr)
    print(printable("not everything is delivered" if left else asyncio.run(_verdict(config))), file=sys.stderr)
    return int(bool(left))


async def _verdict(config: Config) -> str:
    """Return whether everything is delivered, now that nothing is on its way: something may have been given up."""
    from sitewire.deploy.shortfall import read_shortfall

    async with connected(config, "sitewire drain") as client:
        short = await read_shortfall(client, config)
    return "; ".join(["nothing is on its way any more", *short]) if short else "everything is delivered"


async def drain(config: Config, timeout: float) -> list[str]:  # noqa: ASYNC109  what is left is the answer, no error
    """Wait until nothing is on its way.

    Args:
        config: the broker, the routes and the local spool.
        timeout: seconds at most.

    Returns:
        What is still on its way, a line each; empty when nothing is.
    """
    left = ["nothing could be looked at in time"]
    try:
        async with asyncio.timeout(timeout):
            began, ends_until = time.monotonic(), 0.0
            while True:
                left, untold = await _left(config)
                # Whoever stops the worker now would leave runs that look as if they went on; no record depends on it.
                ends_until = 0.0 if left else ends_until or time.monotonic() + ENDS_PATIENCE
                if not left and (not untold or time.monotonic() >= ends_until):
                    break
                heed_cancellation()
                _progress(left or untold)
                # A look reads all that waits in the spool: with gigabytes there, not twice a second.
                await asyncio.sleep(max(LOOK_INTERVAL, 3 * (time.monotonic() - began)))
                began = time.monotonic()
    except TimeoutError:
        pass  # what is left says it
    return left


async def _left(config: Config) -> tuple[list[str], list[str]]:
    """Return what is on its way, and which ends of runs the trackers are not told of."""
    from sitewire.broker_config.errors import BrokerError
    from sitewire.collectors.publisher.sync import waiting
    from sitewire.deploy.errors import NothingSetUp

    spool = config.collect.spool
    here = await asyncio.to_thread(waiting, spool)
    left = [f"{here.records} records of {counted(here.writers, 'writer')} wait in {spool}"] if here.records else []
    left += here.unreadable
    try:
        coming, untold = await _on_its_way(config)
    except (BrokerError, NothingSetUp) as error:
        return [*left, str(error)], []
    return left + coming, untold


async def _on_its_way(config: Config) -> tuple[list[str], list[str]]:
    from sitewire.deploy.accounting import read_rows
    from sitewire.deploy.health import read_backlogs

    async with connected(config, "sitewire drain") as client:
        rows = await read_rows(client, config)
        # Accounts are up to a second old, and a route that nobody has taken up has no rows.
        backlogs = await read_backlogs(client, config)
        # Behind the backlogs: the messages of a parked run are acknowledged, and it is noted before they are.
        parked = await _parked(client, config)
        troubled = await _troubled(client, config)
    left = [
        f"{row.route}: {row.run} of {row.site}: {row.logged - row.sent} not sent, {row.pending} not delivered"
        for row in rows
        if not row.done
    ]
    left += [f"{name}: no worker has taken it up yet" for name, count in backlogs.items() if count is None]
    # Only when no account says more: then it is an account's delay, or something that no account speaks of.
    hint = "" if left else "; if that stays so, they cannot be read and wait for room in the dead letters: see the log"
    left += [f"{name}: {counted(count, 'message')} not acknowledged{hint}" for name, count in backlogs.items() if count]
    left += parked
    untold = [
        f"{row.route}: {row.run} of {row.site}: the tracker is told that it has ended" for row in rows if row.untold
    ]
    # By itself a trouble keeps nothing: the partition may be an empty one.
    return (left + troubled if left else []), untold


async def _troubled(client: Client, config: Config) -> list[str]:
    from sitewire.deploy.workforce import read_workers

    workforce = await read_workers(client)
    places = ((route.name, route.sink.identity, workforce.outages(route.name)) for route in config.routes)
    partitions = ((route.name, partition) for route in config.routes for partition in workforce.partitions(route.name))
    return [*outages(places, time.time()), *troubles(partitions)]


async def _parked(client: Client, config: Config) -> list[str]:
    from sitewire.deploy.parked import read_parked

    names = {route.name for route in config.routes}
    return [
        f"{key.route}: {key.run} of {key.site} is parked: {parked.reason}"
        for key, parked in (await read_parked(client)).items()
        if key.route in names
    ]


def _progress(left: list[str]) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{left[0][:120]}" + (f" (and {len(left) - 1} more)" if len(left) > 1 else ""))
        sys.stderr.flush()
