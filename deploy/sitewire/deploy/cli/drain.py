"""``sitewire drain``: wait until everything that was logged is delivered."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from typing import TYPE_CHECKING

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.deploy.cli.arguments import Commands, add_config, add_timeout, command

if TYPE_CHECKING:
    from nats.aio.client import Client

    from sitewire.broker_config.model import Config

LOOK_INTERVAL = 0.5  # seconds


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "drain",
        "wait until the local spool, every account and every route are done; exit 1 if they are not",
        "sitewire drain -c sitewire.yaml --timeout 60",
    )
    add_config(parser)
    add_timeout(parser, 300.0)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Wait; 0 when everything is delivered."""
    from sitewire.broker_config.load import load_config

    config = load_config(options.config)
    left = asyncio.run(drain(config, options.timeout))
    for line in left:
        print(line, file=sys.stderr)
    print("everything is delivered" if not left else "not everything is delivered", file=sys.stderr)
    return int(bool(left))


async def drain(config: Config, timeout: float) -> list[str]:  # noqa: ASYNC109  what is left is the answer, no error
    """Wait until nothing is on its way.

    Args:
        config: the broker, the routes and the local spool.
        timeout: seconds at most.

    Returns:
        What is still on its way, a line each; empty when everything is delivered.
    """
    left = ["nothing could be looked at in time"]
    try:
        async with asyncio.timeout(timeout):
            began = time.monotonic()
            while left := await _left(config):
                heed_cancellation()
                _progress(left)
                # A look reads all that waits in the spool: with gigabytes there, not twice a second.
                await asyncio.sleep(max(LOOK_INTERVAL, 3 * (time.monotonic() - began)))
                began = time.monotonic()
    except TimeoutError:
        pass  # what is left says it
    return left


async def _left(config: Config) -> list[str]:
    from sitewire.broker_config.errors import BrokerError
    from sitewire.collectors.publisher.sync import waiting

    spool = config.collect.spool
    here = await asyncio.to_thread(waiting, spool)
    left = [f"{here.records} records of {here.writers} writers wait in {spool}"] if here.records else []
    left += here.unreadable
    try:
        return left + await _on_its_way(config)
    except BrokerError as error:
        return [*left, str(error)]


async def _on_its_way(config: Config) -> list[str]:
    from sitewire.broker_config.connection import connect
    from sitewire.deploy.accounting import read_rows
    from sitewire.deploy.health import read_backlogs

    client = await connect(config.broker.endpoint, name="sitewire drain")
    try:
        rows = await read_rows(client, config)
        # Accounts are up to a second old, and a route that nobody has taken up has no rows.
        backlogs = await read_backlogs(client, config)
        # Behind the backlogs: the messages of a parked run are acknowledged, and it is noted before they are.
        parked = await _parked(client, config)
    finally:
        await client.close()
    left = [
        f"{row.route}: {row.run} of {row.site}: {row.logged - row.sent} not sent, {row.pending} not delivered"
        for row in rows
        if not row.done
    ]
    left += [f"{name}: no worker has taken it up yet" for name, count in backlogs.items() if count is None]
    left += [f"{name}: {count} messages not acknowledged" for name, count in backlogs.items() if count]
    return left + parked


async def _parked(client: Client, config: Config) -> list[str]:
    from sitewire.broker_config.bucket import Bucket
    from sitewire.broker_config.names import PARKED_BUCKET
    from sitewire.workers.parked_run import ParkedRun, parse_parked_key

    entries = [(parse_parked_key(key), entry) for key, entry in (await Bucket(client, PARKED_BUCKET).all()).items()]
    names = {route.name for route in config.routes}
    return [
        f"{key.route}: {key.run} of {key.site} is parked: {ParkedRun.decode(entry.value).reason}"
        for key, entry in entries
        if key is not None and key.route in names
    ]


def _progress(left: list[str]) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{left[0][:120]}" + (f" (and {len(left) - 1} more)" if len(left) > 1 else ""))
        sys.stderr.flush()
