"""``sitewire schema``: the wire format as an AsyncAPI 3 document."""

from __future__ import annotations

import argparse

from sitewire.deploy.cli.arguments import Commands, command
from sitewire.schemas.asyncapi import text


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands, "schema", "print the wire format as an AsyncAPI 3 document", "sitewire schema > asyncapi.json"
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Print it."""
    print(text(), end="")
    return 0
