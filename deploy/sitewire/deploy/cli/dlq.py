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
from sitewire.deploy.cli.connected import connected
from sitewire.deploy.cli.terminal import counted, open_console, printable

if TYPE_CHECKING:
    from nats.aio.client import Client
    from rich.table import Table

    from sitewire.broker_config.model import Config
    from sitewire.deploy.dead_letters.box import Kept, Selection
    from sitewire.deploy.dead_letters.dispatch import Outcome
    from sitewire.deploy.dead_letters.listing import Line

MANY = 40  # letters; above it those of one kind are one line


class _NotMeantSurely(Exception):
    """The options would delete more than who typed them may have thought of."""


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
    retry = _add(inner, "retry", "send letters to their route once more", "sitewire dlq retry --run job", chosen=True)
    drop = _add(
        inner, "drop", "delete letters: what they hold is lost", "sitewire dlq drop --route hq --all", chosen=True
    )
    for each in (retry, drop):
        each.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")


def _add(
    commands: Commands, name: str, help_text: str, example: str, *, chosen: bool = False
) -> argparse.ArgumentParser:
    parser = command(commands, name, help_text, example)
    add_config(parser)
    parser.add_argument("--route", metavar="NAME", help="only letters of this route")
    parser.add_argument("--site", metavar="NAME", help="only letters of this site")
    parser.add_argument("--run", metavar="NAME", dest="run_name", help="only letters of this run")
    parser.add_argument("--json", action="store_true", help="for programs")
    if chosen:
        parser.add_argument("--all", action="store_true", help="all of them, or all that the options above leave")
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="letters, by the id that `list` shows")
    parser.set_defaults(run=run, action=name, parser=parser, ids=[], all=False, dry_run=False)
    return parser


def run(options: argparse.Namespace) -> int:
    """Do it; 1 if something is left undone, or what was named is not there."""
    from sitewire.broker_config.load import load_config
    from sitewire.deploy.dead_letters.box import Selection
    from sitewire.deploy.errors import RouteUnknown

    selection = Selection(options.route, options.site, options.run_name, tuple(options.ids))
    _check_usage(options, selection)
    try:
        letters, outcome = asyncio.run(_work(options, load_config(options.config), selection))
    except (RouteUnknown, _NotMeantSurely) as error:
        parser: argparse.ArgumentParser = options.parser
        parser.error(str(error))
    absent = _absent(letters, selection)
    for line in absent:
        print(printable(line), file=sys.stderr)
    if outcome is not None:
        _tell(outcome, options, letters)
    elif options.action == "list":
        _list(letters, selection, as_json=options.json)
    else:
        _show(letters, as_json=options.json)
    return int(bool(absent or (outcome is not None and outcome.left)))


def _check_usage(options: argparse.Namespace, selection: Selection) -> None:
    """End with the usage unless it is said which letters are meant."""
    parser: argparse.ArgumentParser = options.parser
    if options.all and options.ids:
        parser.error("give ids or --all")
    if options.action == "list" or options.all or not selection.everything:
        return
    if options.action == "drop":
        parser.error("which letters? Give ids, or --all; with --route, --site or --run it is all of those")
    parser.error("which letters? Give ids, --route, --site or --run, or --all")


async def _work(options: argparse.Namespace, config: Config, selection: Selection) -> tuple[list[Kept], Outcome | None]:
    """Return the letters that are meant, and what became of them if anything was to be done."""
    from sitewire.deploy.dead_letters.box import read_chosen

    async with connected(config, "sitewire dlq") as client:
        letters = await read_chosen(client, config, selection)
        if options.action in ("list", "show"):
            return letters, None
        if options.action == "drop" and not (options.all or options.ids or options.dry_run):
            _refuse_to_drop(letters)
        return letters, await _dispatch(client, config, letters, options)


def _absent(letters: list[Kept], selection: Selection) -> list[str]:
    """Say what was named and is not there."""
    if selection.ids:
        return [f"no letter {number}{selection.words}" for number in sorted({*selection.ids} - {k.id for k in letters})]
    return [] if letters or selection.everything else [f"no dead letter{selection.words}"]


def _refuse_to_drop(letters: list[Kept]) -> None:
    """A forgotten id must not delete all letters of a route."""
    if letters:
        routes = ", ".join(f"{count} of {name}" for name, count in Counter(kept.route for kept in letters).items())
        msg = f"this would delete {counted(len(letters), 'letter')} for good ({routes}); add --all if you mean it"
        raise _NotMeantSurely(msg)


async def _dispatch(client: Client, config: Config, letters: list[Kept], options: argparse.Namespace) -> Outcome:
    from sitewire.deploy.dead_letters.dispatch import Dispatch
    from sitewire.deploy.dead_letters.ledger import Ledger

    dispatch = Dispatch(Ledger(client), config)
    if options.action == "retry":
        return await (dispatch.rehearse_retry(letters) if options.dry_run else dispatch.retry(letters))
    return await (dispatch.rehearse_drop(letters) if options.dry_run else dispatch.drop(letters))


def _list(letters: list[Kept], selection: Selection, *, as_json: bool) -> None:
    from sitewire.deploy.dead_letters.listing import line_of

    if as_json:
        print(json.dumps([asdict(line_of(kept)) for kept in letters], indent=2))
    elif letters:
        _print_table(letters, "" if selection.run else ", or choose a run with --run")
    elif selection.everything:
        print("no dead letters")


def _print_table(letters: list[Kept], advice: str = "") -> None:
    from sitewire.deploy.dead_letters.listing import grouped, line_of

    lines = [line_of(kept) for kept in letters]
    shown = grouped(lines) if len(lines) > MANY else lines
    open_console().print(table(shown))
    if len(shown) < len(lines):
        print(f"{len(lines)} letters; those of one kind are one line. All of them: `sitewire dlq list --json`{advice}")


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


def _show(letters: list[Kept], *, as_json: bool) -> None:
    from sitewire.deploy.dead_letters.listing import details

    found = [details(kept) for kept in letters]
    if as_json:
        print(json.dumps(found, indent=2))
    elif found:
        print("\n\n".join("\n".join(_detail(name, value) for name, value in each.items()) for each in found))


def _detail(name: str, value: object) -> str:
    if isinstance(value, dict):
        return "\n".join([f"{name}:", *(f"  {_detail(key, item)}" for key, item in value.items())])
    return printable(f"{name}: {value}")


def _tell(outcome: Outcome, options: argparse.Namespace, letters: list[Kept]) -> None:
    if options.json:
        left = [{"id": number, "why": why} for number, why in sorted(outcome.left.items())]
        found = {"done": outcome.done, "gone": outcome.gone, "left": left, "dry_run": options.dry_run}
        print(json.dumps(found, indent=2))
        return
    word = {"retry": "sent again", "drop": "dropped"}[options.action]
    if options.dry_run and letters:
        _print_table(letters)
    gone = f", {outcome.gone} {'was' if outcome.gone == 1 else 'were'} gone already" if outcome.gone else ""
    print(f"{outcome.done} {'would be ' if options.dry_run else ''}{word}{gone}")
    for why, count in Counter(outcome.left.values()).items():
        print(printable(f"{count} left: {why}"), file=sys.stderr)


def _when(time: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S") if time else ""
