"""``sitewire runs``: the receipts, in one look."""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.connected import connected
from sitewire.deploy.cli.terminal import open_console, printable

if TYPE_CHECKING:
    from rich.table import Table

    from sitewire.broker_config.model import Config
    from sitewire.deploy.accounting import RunRow

_COLOURS = {"complete": "green", "running": "cyan", "short": "yellow", "crashed": "red", "silent": "magenta"}


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands,
        "runs",
        "show what was logged, sent and delivered, per run, site and route",
        "sitewire runs -c sitewire.yaml --json",
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="a list of objects, for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rows."""
    from sitewire.broker_config.load import load_config

    rows = asyncio.run(fetch(load_config(options.config)))
    if options.json:
        print(json.dumps([as_json(row) for row in rows], indent=2))
    else:
        open_console().print(table(rows) if rows else "no runs yet")
    return 0


async def fetch(config: Config) -> list[RunRow]:
    """Connect and return the rows."""
    from sitewire.deploy.accounting import read_rows

    async with connected(config, "sitewire runs") as client:
        return await read_rows(client, config)


def as_json(row: RunRow) -> dict[str, object]:
    """Return the object of ``runs --json``."""
    return asdict(row)


def table(rows: list[RunRow]) -> Table:
    """Return the table that people read."""
    from rich.table import Table
    from rich.text import Text

    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("run", "site", "route", "state"):
        result.add_column(name, overflow="fold", no_wrap=name == "state")
    for name in ("logged", "sent", "delivered", "pending", "missing"):
        result.add_column(name, justify="right", no_wrap=True)
    result.add_column("remarks", overflow="fold")
    for row in rows:
        missing = row.gaps + row.refused + row.dead_letters
        state = Text(row.state, style=_COLOURS[row.state])
        counts = (row.logged, row.sent, row.delivered, row.pending, missing)
        result.add_row(printable(row.run), printable(row.site), row.route, state, *map(str, counts), _remarks(row))
    return result


def _remarks(row: RunRow) -> str:
    parts = ["parked"] if row.parked else []
    parts += [f"attempt {row.attempt}"] if row.attempt > 1 else []
    parts += [f"{count} {name}" for name, count in row.holes.items()]
    shown = {
        "refused by the sink": row.refused,
        "dead letters": row.dead_letters,
        "filtered": row.filtered,
        "came twice": row.duplicates,
        "log calls refused": row.refused_calls,
        "writers and classes are too many for a receipt, so what is delivered is not counted": row.unlisted,
    }
    return ", ".join(parts + [f"{count} {name}" for name, count in shown.items() if count])
