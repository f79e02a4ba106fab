"""``sitewire up``: broker (if embedded) and every route of the file, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.deadline import without_hanging_threads
from sitewire.deploy.cli.signals import STOPPING, stop_on_signals
from sitewire.deploy.interpreter import tune_for_delivery

_DEFAULT: Final = Path("sitewire.yaml")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "up",
        "run the broker (if it is embedded) and every route of a config file, until SIGTERM; collect the local spool; "
        "without -c and without a sitewire.yaml, write one with MLflow, TensorBoard and W&B in this folder",
        "sitewire up -c sitewire.yaml",
    )
    add_config(parser)
    parser.set_defaults(run=run, config=None)


def run(options: argparse.Namespace) -> int:
    """Run until told to stop."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.stack import Stack

    config = load_config(options.config or default_file())

    async def until_stopped() -> None:
        with stop_on_signals(STOPPING) as stop:
            async with without_hanging_threads(stop):
                await Stack(config).run(stop)

    tune_for_delivery()
    asyncio.run(until_stopped())
    return 0


def default_file() -> Path:
    """Return the file that is meant where none is named; it is written if it is not there.

    Raises:
        FileRefused: it cannot be.
    """
    from sitewire.deploy.default_file import write_if_missing

    if write_if_missing(_DEFAULT):
        print(f"sitewire: wrote {_DEFAULT}: MLflow, TensorBoard and W&B, all in this folder", file=sys.stderr)
    return _DEFAULT
