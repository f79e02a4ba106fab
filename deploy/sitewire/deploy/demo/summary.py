"""What is said at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from sitewire.broker_config.model import Route
from sitewire.deploy.accounting import RunRow
from sitewire.deploy.demo.next_steps import how_to_go_on
from sitewire.deploy.demo.place import Place
from sitewire.deploy.demo.readers import database
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


def _say_what_arrived(console: Console, session: Session, place: Place) -> None:
    points = sum(sum(tags.values()) for tags in session.points.values())
    records = sum({row.site: row.logged for row in session.rows}.values())
    console.print("Every receipt adds up: logged = sent = delivered.")
    if readers := [_READ[route.sink.type] for route in place.config.routes if _is_read(route)]:
        console.print(f"All {points} points, each once, are found by {_listed(readers)}.")
    console.print(f"What left the sites: {records} records (metrics, settings, counts of examples), to the broker,")
    console.print("and their networks, to the coordinator. No image and no label.")


_READ: Final = {
    "tensorboard": "TensorBoard's own reader",
    "mlflow": "a query of MLflow's tables",
    "wandb": "W&B's own reader",
}


def _is_read(route: Route) -> bool:
    return route.sink.type in _READ and (route.sink.type != "mlflow" or database(route) is not None)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
