"""``sitewire broker``: the broker alone; ``apply`` makes its streams and consumers, ``forget`` gives a route up."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sitewire.broker_config.errors import ConfigInvalid
from sitewire.broker_config.problem import Problem
from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.connected import connected
from sitewire.deploy.cli.signals import stop_on_signals

if TYPE_CHECKING:
    from nats.aio.client import Client

    from sitewire.broker_config.change import Change
    from sitewire.broker_config.model import Config


def add(commands: Commands) -> None:
    """Add the command and its sub-commands."""
    parser = command(
        commands, "broker", "run the embedded broker alone, until SIGTERM", "sitewire broker -c sitewire.yaml"
    )
    add_config(parser)
    parser.set_defaults(run=run)
    inner = parser.add_subparsers(title="commands", metavar="[apply | forget]")
    apply = inner.add_parser(
        "apply",
        help="create or update streams and consumers",
        description="Create or update the streams and consumers that a config file asks for. Does nothing twice.",
        epilog="example: sitewire broker apply -c sitewire.yaml --dry-run",
    )
    add_config(apply)
    apply.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    apply.set_defaults(run=run_apply)
    forget = inner.add_parser(
        "forget",
        help="give up a route that is no longer in the file",
        description="Delete the position of a route that is no longer in the file, and its parked runs, so that it "
        "holds the stream no more. What it has delivered stays. A route of this name begins anew.",
        epilog="example: sitewire broker forget -c sitewire.yaml curves --dry-run",
    )
    add_config(forget)
    forget.add_argument("route", metavar="ROUTE", help="its name, as `broker apply` and `status` say it")
    forget.add_argument("--dry-run", action="store_true", help="say what would be deleted, delete nothing")
    forget.set_defaults(run=run_forget)


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
    from sitewire.broker_config.change import ChangeKind
    from sitewire.broker_config.topology import apply, plan

    changes = _change(options, lambda client, config: apply(client, plan(config), dry_run=options.dry_run))
    return int(any(change.kind is ChangeKind.REFUSED for change in changes))


def run_forget(options: argparse.Namespace) -> int:
    """Delete what the broker keeps for a route that is not in the file."""
    from sitewire.deploy.forget import forget

    _change(options, lambda client, config: forget(client, config, options.route, dry_run=options.dry_run))
    return 0


def _change(options: argparse.Namespace, work: Callable[[Client, Config], Awaitable[list[Change]]]) -> list[Change]:
    """Connect, do it, and print what has changed or would change."""
    from sitewire.broker_config.load import load_config

    config = load_config(options.config)

    async def worked() -> list[Change]:
        async with connected(config, "sitewire broker") as client:
            return await work(client, config)

    changes = asyncio.run(worked())
    for change in changes:
        print(change.line(dry_run=options.dry_run))
    return changes
