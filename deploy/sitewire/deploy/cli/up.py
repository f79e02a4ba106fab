"""``sitewire up``: broker (if embedded) and every route of the file, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.signals import stop_on_signals
from sitewire.deploy.garbage import collect_seldom


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "up",
        "run the broker (if it is embedded) and every route of a config file, until SIGTERM; collect the local spool",
        "sitewire up -c sitewire.yaml",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.stack import Stack

    config = load_config(options.config)

    async def until_stopped() -> None:
        with stop_on_signals() as stop:
            await Stack(config).run(stop)

    collect_seldom()
    asyncio.run(until_stopped())
    return 0
