"""``sitewire sync``: drain a spool; runs beside a trainer, with none of the server's libraries."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from pathlib import Path

from sitewire.broker_config.connection import Endpoint
from sitewire.collectors.publisher.sync import Waiting, sync, waiting
from sitewire.collectors.spool.directory import discover
from sitewire.deploy.cli.arguments import Commands, add_endpoint, add_timeout, command, endpoint_of
from sitewire.deploy.cli.terminal import counted


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "sync",
        "send what a spool holds; exit 1 if something is left",
        "sitewire sync ~/.sitewire/spool --url nats://hub:4222",
    )
    parser.add_argument("spool", type=Path, metavar="DIR", help="the spool (SITEWIRE_SPOOL of the trainer)")
    add_endpoint(parser)
    add_timeout(parser, 600.0)
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Drain; 0 when nothing is left."""
    endpoint = _endpoint(options.parser, options)
    unreadable: list[OSError] = []
    # Even a writer with nothing left may have an account to send.
    if not discover(options.spool, unreadable.append) and not unreadable:
        _say(f"nothing waits in {options.spool}: it holds no writer's records")
        return 0
    before = waiting(options.spool)
    _say(f"{before.records} records of {counted(before.writers, 'writer')} wait in {options.spool}")
    left = asyncio.run(sync(options.spool, endpoint, options.timeout, _Progress(before)))
    for line in left.unreadable:
        _say(line)
    if left.records or left.unreadable:
        writers = counted(left.writers, "writer")
        _say(f"{left.records} records of {writers} are left; run it again when the broker answers")
        return 1
    _say("everything has arrived at the broker")
    return 0


def _endpoint(parser: argparse.ArgumentParser, options: argparse.Namespace) -> Endpoint:
    """Return the broker; end with the usage if the arguments cannot work."""
    endpoint = endpoint_of(parser, options)
    if not options.spool.is_dir():
        parser.error(f"not a directory: {options.spool}")
    if not os.access(options.spool, os.R_OK | os.X_OK):
        parser.error(f"this user may not read {options.spool}")
    return endpoint


class _Progress:
    """A line on the terminal that is written over; elsewhere one line each ten per cent."""

    def __init__(self, before: Waiting) -> None:
        self._total = before.records
        self._tenths = 0

    def __call__(self, acknowledged: int) -> None:
        share = min(acknowledged / self._total, 1.0) if self._total else 1.0
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{share:4.0%}  {acknowledged} of {self._total} ")
            sys.stderr.flush()
        elif int(share * 10) > self._tenths:
            self._tenths = int(share * 10)
            _say(f"{share:.0%}  {acknowledged} of {self._total}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)
