"""``sitewire broker``: the broker alone; ``broker apply``: its streams and consumers."""

from __future__ import annotations

import argparse
import asyncio

from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.problem import Problem
from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.signals import stop_on_signals


def add(commands: Commands) -> None:
    """Add the command and its sub-command."""
    parser = command(
        commands, "broker", "run the embedded broker alone, until SIGTERM", "sitewire broker -c sitewire.yaml"
    )
    add_config(parser)
    parser.set_defaults(run=run)
    inner = parser.add_subparsers(title="commands", metavar="[apply]")
    apply = inner.add_parser(
        "apply",
        help="create or update streams and consumers",
        description="Create or update the streams and consumers that a config file asks for. Does nothing twice.",
        epilog="example: sitewire broker apply -c sitewire.yaml --dry-run",
    )
    add_config(apply)
    apply.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    apply.set_defaults(run=run_apply)


def run(options: argparse.Namespace) -> int:
    """Run the broker until told to stop."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.broker.embedded import EmbeddedBroker

    config = load_config(options.config)
    embedded = config.broker.embedded
    if embedded is None:
        advice = "write `embedded:` in its place, or run the broker that `url` names yourself"
        raise ConfigInvalid([Problem(config.file, 1, "broker", "no broker is embedded here", advice)])

    async def until_stopped() -> None:
        with stop_on_signals() as stop:
            async with EmbeddedBroker(embedded) as broker:
                print(broker.endpoint.place, flush=True)
                await stop.wait()

    asyncio.run(until_stopped())
    return 0


def run_apply(options: argparse.Namespace) -> int:
    """Declare what the file asks for; 1 if the broker refused some of it."""
    from sitewire.broker_config.change import Change, ChangeKind
    from sitewire.broker_config.connection import connect
    from sitewire.broker_config.load import load_config
    from sitewire.broker_config.topology import apply, plan

    config = load_config(options.config)

    async def declare() -> list[Change]:
        client = await connect(config.broker.endpoint, name="sitewire broker apply")
        try:
            return await apply(client, plan(config), dry_run=options.dry_run)
        finally:
            await client.close()

    changes = asyncio.run(declare())
    for change in changes:
        print(change)
    return int(any(change.kind is ChangeKind.REFUSED for change in changes))
