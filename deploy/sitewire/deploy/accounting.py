"""Accounts and receipts, joined: what was logged, what was sent, and what became of it.

``sent = delivered + filtered + refused + dead_letters + gaps + pending`` holds for each row by
construction of ``pending`` and is checked against the writers' accounts: a run is complete only when
its writers have ended, all that they assigned was sent, and nothing is pending.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from nats.aio.client import Client

from sitewire.broker_config.errors import NotThere
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.names import ACCOUNTS_STREAM, RECEIPTS_STREAM, stored_filters
from sitewire.broker_config.patterns import contains
from sitewire.broker_config.topology import route_start
from sitewire.schemas.account import Account, decode_account
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Position, Receipt, StreamKey, decode_receipt
from sitewire.schemas.subject import RunKey, Subject, parse_account_subject, parse_receipt_subject

SILENT_AFTER = 90.0  # seconds: three of the heartbeats that a living writer's account gives


class RunState(StrEnum):
    """What is to be said of a run in a route."""

    RUNNING = "running"
    """A writer lives, or what it sent is still on its way."""
    COMPLETE = "complete"
    """Every writer has ended, and all that was logged is in the tracker."""
    SHORT = "short"
    """Every writer has ended and nothing is on its way, but something is missing: see gaps, refused, dead letters."""
    CRASHED = "crashed"
    """A writer is gone without its end, and none has taken over since."""
    SILENT = "silent"
    """A writer should be alive, but nothing has been heard of it for a while."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An account, and when the broker stored it (seconds since the epoch)."""

    account: Account
    time: float


@dataclass(frozen=True, slots=True)
class RunRow:
    """One (run, site, route): a line of ``sitewire runs``. Counts are of indexes; times seconds since the epoch.

    Attributes:
        refused_calls: log calls that the trainer's own checks refused; they never had an index.
    """

    run: str
    site: str
    route: str
    state: RunState
    logged: int
    sent: int
    delivered: int
    filtered: int
    refused: int
    duplicates: int
    dead_letters: int
    gaps: int
    pending: int
    holes: Mapping[str, int] = field(default_factory=dict)
    first_time: float = 0.0
    last_time: float = 0.0
    refused_calls: int = 0

    @property
    def done(self) -> bool:
        """Whether everything that was logged so far has met its fate."""
        return self.logged == self.sent and self.pending == 0


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that accounts and receipts say at one time.

    Attributes:
        accounts: per run and writer.
        receipts: per route and run.
    """

    accounts: Mapping[RunKey, Mapping[str, Heard]]
    receipts: Mapping[tuple[str, RunKey], Receipt]


async def read_books(client: Client) -> Books:
    """Read all accounts and receipts.

    Raises:
        BrokerError: the broker could not be read.
    """
    accounts: dict[RunKey, dict[str, Heard]] = {}
    for item in await read_latest(client, ACCOUNTS_STREAM):
        try:
            run, writer = parse_account_subject(item.subject)
            accounts.setdefault(run, {})[writer] = Heard(decode_account(item.data), item.time)
        except SchemaError:
            continue  # not ours to show; nobody can be charged with it
    receipts: dict[tuple[str, RunKey], Receipt] = {}
    for item in await read_latest(client, RECEIPTS_STREAM):
        try:
            receipts[parse_receipt_subject(item.subject)] = decode_receipt(item.data)
        except SchemaError:
            continue
    return Books(accounts, receipts)


async def read_rows(client: Client, config: Config) -> list[RunRow]:
    """Return the accounting of every run in every route of the file, in the order of run, site, route.

    Raises:
        BrokerError: the broker could not be read.
    """
    books = await read_books(client)
    rows: list[RunRow] = []
    for route in config.routes:
        try:
            start = await route_start(client, route.name) or None
        except NotThere:
            continue  # no worker has taken this route up yet
        rows.extend(row for run in _runs(books, route) if (row := make_row(books, route, run, start)) is not None)
    return sorted(rows, key=lambda row: (row.run, row.site, row.route))


def make_row(books: Books, route: Route, run: RunKey, start: int | None, now: float | None = None) -> RunRow | None:
    """Join what is known of one run in one route; None if the route reads nothing of it.

    Args:
        books: accounts and receipts.
        route: the route.
        run: the run.
        start: the stream sequence that the route begins at; None for the beginning.
        now: seconds since the epoch.
    """
    heard = books.accounts.get(run, {})
    receipt = books.receipts.get((route.name, run), Receipt(route.sink.identity, {}))
    counts = [
        _count(key, receipt.positions.get(key), heard, from_beginning=start is None)
        for key in sorted({*receipt.positions, *_keys(route, run, heard)})
    ]
    known = [count for count in counts if count is not None]
    if not known:
        return None
    positions = receipt.positions.values()
    holes: dict[str, int] = {}
    for position in positions:
        for name, count in position.holes.items():
            holes[str(name)] = holes.get(str(name), 0) + count
    logged, sent = (sum(column) for column in zip(*known, strict=True))
    fates = {
        "delivered": sum(position.delivered for position in positions),
        "filtered": sum(position.filtered for position in positions),
        "refused": sum(position.refused for position in positions),
        "dead_letters": sum(position.dead_letters for position in positions),
        "gaps": sum(position.gaps for position in positions),
    }
    pending = sent - sum(fates.values())
    missing = fates["gaps"] + fates["refused"] + fates["dead_letters"]
    state = _state(heard, settled=logged == sent and pending == 0, missing=missing, now=now or time.time())
    return RunRow(
        run.run,
        run.site,
        route.name,
        state,
        logged,
        sent,
        duplicates=receipt.duplicates,
        pending=pending,
        holes=holes,
        first_time=receipt.first_time,
        last_time=receipt.last_time,
        refused_calls=sum(sum(item.account.refused.values()) for item in heard.values()),
        **fates,
    )


def _runs(books: Books, route: Route) -> Iterable[RunKey]:
    return {*books.accounts, *(run for name, run in books.receipts if name == route.name)}


def _keys(route: Route, run: RunKey, heard: Mapping[str, Heard]) -> Iterable[StreamKey]:
    filters = stored_filters(route.subjects, 0)
    for writer, item in heard.items():
        for record_class in item.account.classes:
            if any(contains(pattern, Subject(run, record_class, writer).stored(0)) for pattern in filters):
                yield StreamKey(writer, record_class)


def _count(
    key: StreamKey, position: Position | None, heard: Mapping[str, Heard], *, from_beginning: bool
) -> tuple[int, int] | None:
    """Return ``(logged, sent)`` of one numbering; None if the route began behind all of it."""
    if position is None and not from_beginning:
        return None
    base, done = (position.base, position.next) if position is not None else (0, 0)
    item = heard.get(key.writer)
    counts = item.account.classes.get(key.record_class) if item is not None else None
    if counts is None:
        return done - base, done - base
    # A delivery can be ahead of the account, which is published once a second.
    published = max(counts.published, done)
    return max(counts.assigned, published) - base, published - base


def _state(heard: Mapping[str, Heard], *, settled: bool, missing: int, now: float) -> RunState:
    if _any_crashed([item.account for item in heard.values()]):
        return RunState.CRASHED
    alive = [item for item in heard.values() if item.account.alive]
    if alive:
        return RunState.SILENT if all(now - item.time > SILENT_AFTER for item in alive) else RunState.RUNNING
    if not settled or not heard:
        return RunState.RUNNING
    return RunState.SHORT if missing else RunState.COMPLETE


def _any_crashed(accounts: Sequence[Account]) -> bool:
    # One that died and was followed by another attempt has been resumed.
    latest = max((account.started for account in accounts), default=0.0)
    return any(not account.alive and not account.ended and account.started >= latest for account in accounts)
