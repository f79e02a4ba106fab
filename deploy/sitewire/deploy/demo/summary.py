"""What is said at the end."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sitewire.deploy.accounting import RunRow
from sitewire.deploy.demo.books import logdir
from sitewire.deploy.demo.place import Place
from sitewire.deploy.demo.session import Session


def summarize(console: Console, session: Session, place: Place, problems: Sequence[str]) -> None:
    """Say how good the network is, what became of each record, and what to do next."""
    console.print(f"\nAccuracy on images that no site holds: {session.score.accuracy:.1%}\n")
    console.print(receipts(session.rows))
    console.print()
    for problem in problems:
        console.print(f"NOT RIGHT: {problem}", markup=False)
    if not problems:
        _say_what_arrived(console, session, place)
    console.print()
    how_to_go_on(console, place)


def receipts(rows: Sequence[RunRow]) -> Table:
    """Return the table of receipts of one run."""
    table = Table("site", "route", "state", box=None, pad_edge=False, header_style="bold")
    for name in ("logged", "sent", "delivered"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row.site, row.route, row.state, *map(str, (row.logged, row.sent, row.delivered)))
    return table


def how_to_go_on(console: Console, place: Place) -> None:
    """Print the commands that come next, as they work in this shell."""
    file = shlex.quote(str(place.file))
    lines = [
        ("see the curves", f"{_program('tensorboard')} --logdir {shlex.quote(str(folder))}")
        for folder in _logdirs(place)
    ]
    lines.append(("receive more", f"{_program('sitewire')} up -c {file}"))
    lines.append(("and beside it", f"{_program('sitewire')} runs -c {file}"))
    for what, command in lines:
        console.print(f"{what + ':':<16}{command}", markup=False)


def _say_what_arrived(console: Console, session: Session, place: Place) -> None:
    points = sum(sum(tags.values()) for tags in session.points.values())
    records = sum({row.site: row.logged for row in session.rows}.values())
    console.print("Every receipt adds up: logged = sent = delivered.")
    if _logdirs(place):
        console.print(f"TensorBoard's own reader finds all {points} points.")
    console.print(f"What left the sites: {records} records (metrics, settings, counts of examples), to the broker,")
    console.print("and their networks, to the coordinator. No image and no label.")


def _logdirs(place: Place) -> list[Path]:
    folders = [logdir(route) for route in place.config.routes if route.sink.type == "tensorboard"]
    return [_near(folder) for folder in folders]


def _near(path: Path) -> Path:
    """Return the path as seen from here, if it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _program(name: str) -> str:
    """Return what to type for a program of this environment: its name if the shell finds it, otherwise its path."""
    beside = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if found and Path(found).resolve() == beside.resolve() else shlex.quote(str(_near(beside)))
