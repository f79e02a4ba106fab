"""``sitewire tail``: records as they come."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.signals import stop_on_signals
from sitewire.deploy.cli.terminal import printable

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from sitewire.broker_config.model import Config
    from sitewire.schemas.record import Record
    from sitewire.schemas.subject import Subject


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "tail",
        "print records as trainers publish them, until Ctrl-C",
        "sitewire tail -c sitewire.yaml 'metrics.hospital-a.>'",
    )
    add_config(parser)
    parser.add_argument("subject", nargs="?", default="metrics.>", help="a subject with wildcards (default: metrics.>)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print until told to stop."""
    from sitewire.broker_config.load import load_config
    from sitewire.broker_config.patterns import expand

    asyncio.run(_tail(load_config(options.config), expand(options.subject)))
    return 0


async def _tail(config: Config, subject: str) -> None:
    from sitewire.broker_config.connection import connect

    client = await connect(config.broker.endpoint, name="sitewire tail")
    try:
        with stop_on_signals() as stop:
            await client.subscribe(subject, cb=_print)
            await stop.wait()
    finally:
        await client.close()


async def _print(message: Msg) -> None:
    from sitewire.schemas.codec import decode_envelope
    from sitewire.schemas.errors import SchemaError
    from sitewire.schemas.subject import parse_published

    try:
        subject = parse_published(message.subject)
        envelope = decode_envelope(message.data, subject)
    except SchemaError as error:
        print(f"{message.subject}: not an envelope: {error}", file=sys.stderr)
        return
    for record in envelope.records:
        print(printable(_line(subject, record)))
    for hole in envelope.holes:
        print(printable(f"{subject.key.site}  {subject.key.run}  {hole.count} indexes {hole.name}"))
    sys.stdout.flush()


def _line(subject: Subject, record: Record) -> str:
    stamp = datetime.fromtimestamp(record.time, UTC).strftime("%H:%M:%S.%f")[:-3]
    step = "-" if record.step is None else record.step
    name = f"{record.series}/{record.name}" if record.series else record.name
    return f"{stamp}  {subject.key.site}  {subject.key.run}  {record.kind}  {name}  step {step}  {record.value!r:.120}"
