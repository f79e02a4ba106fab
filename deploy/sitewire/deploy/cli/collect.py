"""``sitewire collect``: the sidecar beside trainers; runs with none of the server's libraries."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from sitewire.broker_config.connection import Endpoint
from sitewire.collectors.publisher.sidecar import collect
from sitewire.collectors.publisher.sync import Waiting
from sitewire.deploy.cli.arguments import Commands, add_endpoint, add_timeout, command, endpoint_of, environ_path
from sitewire.deploy.cli.signals import STOPPING, stop_on_signals
from sitewire.deploy.cli.terminal import counted


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "collect",
        "send what trainers log into a spool, until SIGTERM; exit 1 if something is left then",
        "sitewire collect --spool /var/lib/sitewire/spool --url nats://hub:4222",
    )
    parser.add_argument(
        "--spool",
        type=Path,
        default=environ_path("SITEWIRE_SPOOL"),
        metavar="DIR",
        help="the spool (default: SITEWIRE_SPOOL)",
    )
    add_endpoint(parser)
    add_timeout(parser, 5.0)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Collect; 0 when nothing is left in the end."""
    endpoint = _endpoint(options.parser, options)
    left = asyncio.run(_until_stopped(options.spool, endpoint, options.timeout))
    for line in left.unreadable:
        print(line, file=sys.stderr)
    if left.records or left.unreadable:
        print(
            f"{left.records} records of {counted(left.writers, 'writer')} are left in {options.spool}", file=sys.stderr
        )
        return 1
    print("everything has arrived at the broker", file=sys.stderr)
    return 0


async def _until_stopped(spool: Path, endpoint: Endpoint, seconds: float) -> Waiting:
    with stop_on_signals(STOPPING) as stop:
        return await collect(spool, endpoint, stop, seconds)


def _endpoint(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Endpoint:
    """Return the broker; end with the usage if the arguments cannot work."""
    endpoint, spool = endpoint_of(parser, options), options.spool
    if spool is None:
        parser.error("which spool? Give --spool or set SITEWIRE_SPOOL")
    if spool.exists() and not spool.is_dir():
        parser.error(f"not a directory: {spool}")
    if spool.exists() and not os.access(spool, os.R_OK | os.X_OK):
        parser.error(f"this user may not read {spool}")
    return endpoint
