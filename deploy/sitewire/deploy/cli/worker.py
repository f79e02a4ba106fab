"""``sitewire worker``: deliver routes, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio

from sitewire.broker_config.errors import NotThere
from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.deadline import without_hanging_threads
from sitewire.deploy.cli.signals import STOPPING, stop_on_signals
from sitewire.deploy.interpreter import tune_for_delivery


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands, "worker", "deliver the routes of a config file, until SIGTERM", "sitewire worker -c sitewire.yaml"
    )
    add_config(parser)
    parser.add_argument("--route", action="append", default=[], metavar="NAME", help="only this one; may be repeated")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    from sitewire.broker_config.load import load_config
    from sitewire.workers.worker import Worker

    config = load_config(options.config)
    try:
        names = [config.route(name).name for name in options.route]
    except NotThere as error:
        parser: argparse.ArgumentParser = options.parser
        parser.error(str(error))

    async def until_stopped() -> None:
        with stop_on_signals(STOPPING) as stop:
            async with without_hanging_threads(stop):
                await Worker(config, names).run(stop)

    tune_for_delivery()
    asyncio.run(until_stopped())
    return 0
