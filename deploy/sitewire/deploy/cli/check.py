"""``sitewire check``: is the config file right?"""

from __future__ import annotations

import argparse
import sys

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.terminal import printable


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands, "check", "validate a config file; exit 78 when it is invalid", "sitewire check -c sitewire.yaml"
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Validate, say what the file asks for, and warn of what it needs that is not here."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.missing import missing

    config = load_config(options.config)
    print(f"{options.config}: valid; the broker is {config.broker.endpoint.place}")
    for route in config.routes:
        print(f"  {route.name}: {', '.join(route.subjects)} -> {route.sink.identity}")
    for line in missing(config):
        print(f"warning: {printable(line)}; that is needed where the worker runs", file=sys.stderr)
    return 0
