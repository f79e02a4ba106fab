"""``sitewire dlq``: dead letters: listed, shown, sent again, dropped."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from sitewire.deploy.cli.arguments import Commands, add_config, command
from sitewire.deploy.cli.terminal import open_console, printable

if TYPE_CHECKING:
    from rich.table import Table

    from sitewire.broker_config.model import Config
    from sitewire.deploy.dead_letters.box import Kept, Selection
    from sitewire.deploy.dead_letters.dispatch import Outcome
    from sitewire.deploy.dead_letters.listing import Line

MANY = 40  # letters; above it those of one kind are one line


def add(commands: Commands) -> None:
    """Add the command and its sub-commands."""
    parser = command(
        commands,
        "dlq",
        "list, show, send again or drop the dead letters: what trackers refused for good, and what could not be read",
        "sitewire dlq list -c sitewire.yaml",
    )
    inner = parser.add_subparsers(title="commands", metavar="list|show|retry|drop", required=True)
    _add(inner, "list", "list dead letters, oldest first", "sitewire dlq list -c sitewire.yaml --route hq")
    _add(inner, "show", "show everything about letters", "sitewire dlq show -c sitewire.yaml 17", chosen=True)
    _add(inner, "retry", "send letters to their route once more", "sitewire dlq retry --run trial-7", chosen=True)
    _add(inner, "drop", "delete letters: what they hold is lost", "sitewire dlq drop --route hq --all", chosen=True)


def _add(commands: Commands, name: str, help_text: str, example: str, *, chosen: bool = False) -> None:
    parser = command(commands, name, help_text, example)
    add_config(parser)
    parser.add_argument("--route", metavar="NAME", help="only letters of this route")
    parser.add_argument("--site", metavar="NAME", help="only letters of this site")
    parser.add_argument("--run", metavar="NAME", dest="run_name", help="only letters of this run")
    parser.add_argument("--json", action="store_true", help="for programs")
    if chosen:
        parser.add_argument("--all", action="store_true", help="all of them, or all that the options above leave")
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="letters, by the id that `list` shows")
    parser.set_defaults(run=run, action=name, parser=parser, ids=[], all=False)


def run(options: argparse.Namespace) -> int:
    """Do it; 1 if something is left undone."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.dead_letters.box import Selection

    selection = Selection(options.route, options.site, options.run_name, tuple(options.ids))
    if options.action != "list" and not options.all and selection == Selection():
        options.parser.error("which letters? Give ids, --route, --site or --run, or --all")
    if options.all and options.ids:
        options.parser.error("give ids or --all")
    config = load_config(options.config)
    if options.action == "list":
        return _list(asyncio.run(_read(config, selection)), as_json=options.json)
    if options.action == "show":
        return _show(asyncio.run(_read(config, selection)), options.ids, as_json=options.json)
    outcome = asyncio.run(_dispatch(config, selection, options.action))
    return _tell(outcome, options.action, as_json=options.json)


async def _read(config: Config, selection: Selection) -> list[Kept]:
    from sitewire.broker_config.connection import connect
    from sitewire.deploy.dead_letters.box import read_box

    client = await connect(config.broker.endpoint, name="sitewire dlq")
    try:
        return [kept async for kept in read_box(client, selection)]
    finally:
        await client.close()


async def _dispatch(config: Config, selection: Selection, action: str) -> Outcome:
    from sitewire.broker_config.connection import connect
    from sitewire.deploy.dead_letters.box import read_box
    from sitewire.deploy.dead_letters.dispatch import Dispatch
    from sitewire.deploy.dead_letters.ledger import Ledger

    client = await connect(config.broker.endpoint, name="sitewire dlq")
    try:
        letters = [kept async for kept in read_box(client, selection)]
        dispatch = Dispatch(Ledger(client), config)
        dispatch.outcome.gone = len(set(selection.ids) - {kept.id for kept in letters}) if selection.ids else 0
        return await (dispatch.retry(letters) if action == "retry" else dispatch.drop(letters))
    finally:
        await client.close()


def _list(letters: list[Kept], *, as_json: bool) -> int:
    from sitewire.deploy.dead_letters.listing import grouped, line_of

    lines = [line_of(kept) for kept in letters]
    if as_json:
        print(json.dumps([asdict(line) for line in lines], indent=2))
        return 0
    if not lines:
        print("no dead letters")
        return 0
    shown = grouped(lines) if len(lines) > MANY else lines
    open_console().print(table(shown))
    if len(shown) < len(lines):
        print(f"{len(lines)} letters; those of one kind are one line. All of them: --json, or choose a run with --run")
    return 0


def table(lines: list[Line]) -> Table:
    """Return the table that people read."""
    from rich.table import Table

    several = any(line.count > 1 for line in lines)
    columns = ["id", *(["letters"] if several else []), "route", "run", "site", "what", "step", "reason", "when"]
    result = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        result.add_column(name, overflow="fold", justify="right" if name in ("id", "letters", "step") else "left")
    for line in lines:
        counts = [str(line.count)] if several else []
        texts = (line.route, line.run, line.site, line.what, line.step, line.reason[:200], _when(line.time))
        result.add_row(str(line.id), *counts, *map(printable, texts))
    return result


def _show(letters: list[Kept], ids: list[int], *, as_json: bool) -> int:
    from sitewire.deploy.dead_letters.listing import details

    found = [details(kept) for kept in letters]
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print("\n\n".join("\n".join(_detail(name, value) for name, value in each.items()) for each in found))
    missing = set(ids) - {kept.id for kept in letters}
    for number in sorted(missing):
        print(f"no letter {number}", file=sys.stderr)
    return int(bool(missing))


def _detail(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "\n".join([f"{name}:", *(f"  {_detail(key, item)}" for key, item in value.items())])
    return printable(f"{name}: {value}")


def _tell(outcome: Outcome, action: str, *, as_json: bool) -> int:
    if as_json:
        left = [{"id": number, "why": why} for number, why in sorted(outcome.left.items())]
        print(json.dumps({"done": outcome.done, "gone": outcome.gone, "left": left}, indent=2))
        return int(bool(left))
    word = {"retry": "sent again", "drop": "dropped"}[action]
    print(f"{outcome.done} {word}" + (f", {outcome.gone} were gone already" if outcome.gone else ""))
    for why, count in Counter(outcome.left.values()).items():
        print(printable(f"{count} left: {why}"), file=sys.stderr)
    return int(bool(outcome.left))


def _when(time: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S") if time else ""
