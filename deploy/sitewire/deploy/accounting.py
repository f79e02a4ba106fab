"""Accounts and receipts, joined: what was logged, what was sent, and what became of it.

``sent = delivered + filtered + refused + dead_letters + gaps + pending`` holds for each row by
construction of ``pending`` and is checked against the writers' accounts: a run is complete only when
its writers have ended, all that they assigned was sent, and nothing is pending.

What was sent again has a numbering of its own in the receipt, and was counted before: an index of it takes one out of
the dead letters, or out of the holes that unreadable messages left, and is counted as what became of it instead.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from nats.aio.client import Client

from sitewire.broker_config.errors import NotThere
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.names import ACCOUNTS_STREAM, METRICS_STREAM, RECEIPTS_STREAM, partition_of, takes
from sitewire.broker_config.subjects import stored_subjects
from sitewire.broker_config.topology import route_start
from sitewire.deploy.parked import read_parked
from sitewire.deploy.run_state import Heard, RunState, run_state
from sitewire.schemas.account import decode_account
from sitewire.schemas.ending import EndingState
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import Position, Receipt, StreamKey, decode_receipt
from sitewire.schemas.retry import RetryOf, retry_of
from sitewire.schemas.subject import RunKey, Subject, parse_account_subject, parse_receipt_subject
from sitewire.workers.endings import is_news, standing

_EXPIRED: Final = str(HoleName.EXPIRED)
_TORN: Final = str(HoleName.DAMAGED)
"""The hole that an unreadable message leaves."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One (run, site, route): a line of ``sitewire runs``. Counts are of indexes; times seconds since the epoch.

    Attributes:
        unlisted: writers and classes that no receipt has room for; what is delivered of them is not counted, and they
            look pending.
        refused_calls: log calls that the trainer's own checks refused; they never had an index.
        attempt: the number of the run's last attempt, from 1.
        parked: it failed while others went on, and is read again later: until then it is pending.
        parked_reason: what failed; empty if it is not parked.
        untold: it has ended, and the tracker is not told so yet.
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
    unlisted: int = 0
    attempt: int = 1
    parked: bool = False
    parked_reason: str = ""
    untold: bool = False

    @property
    def done(self) -> bool:
        """Whether everything that was logged so far has met its fate."""
        return self.logged == self.sent and self.pending == 0


Gone: TypeAlias = frozenset[tuple[RunKey, StreamKey]]
"""Numberings of which nothing is left in the stream."""


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
    starts: dict[str, int | None] = {}
    for route in config.routes:
        try:
            starts[route.name] = await route_start(client, route.name) or None
        except NotThere:
            continue  # no worker has taken this route up yet
    routes = [route for route in config.routes if route.name in starts]
    gone = await read_gone(client, books, [route for route in routes if starts[route.name] is None])
    if gone:
        books = await read_books(client)  # what was delivered and trimmed meanwhile is not gone
    rows = [
        make_row(books, route, run, starts[route.name], gone=gone) for route in routes for run in _runs(books, route)
    ]
    reasons = {(key.run, key.site, key.route): parked.reason for key, parked in (await read_parked(client)).items()}
    return sorted((_with_parking(row, reasons) for row in rows if row is not None), key=_order)


def _order(row: RunRow) -> tuple[str, str, str]:
    return row.run, row.site, row.route


def _with_parking(row: RunRow, reasons: Mapping[tuple[str, str, str], str]) -> RunRow:
    reason = reasons.get(_order(row))
    return row if reason is None else replace(row, parked=True, parked_reason=reason)


async def read_gone(client: Client, books: Books, routes: Iterable[Route]) -> Gone:
    """Return the numberings that a route from the beginning has nothing of, nor the stream any more.

    They were trimmed before the route was made, so nothing of them will ever come to a worker.

    Args:
        client: connected.
        books: read before.
        routes: those that begin with the beginning.

    Raises:
        BrokerError: the broker could not be read.
    """
    missing = {
        (run, key)
        for route in routes
        for run, heard in books.accounts.items()
        for key in _keys(route, run, heard)
        if heard[key.writer].account.classes[key.record_class].published
        and key not in _receipt(books, route, run).positions
    }
    stored = await stored_subjects(client, METRICS_STREAM) if missing else None
    if stored is None:
        return frozenset()
    return frozenset(
        (run, key)
        for run, key in missing
        if Subject(run, key.record_class, key.writer).stored(partition_of(run)) not in stored
    )


def make_row(
    books: Books,
    route: Route,
    run: RunKey,
    start: int | None,
    now: float | None = None,
    gone: Gone = frozenset(),
) -> RunRow | None:
    """Join what is known of one run in one route; None if the route reads nothing of it.

    Args:
        books: accounts and receipts.
        route: the route.
        run: the run.
        start: the stream sequence that the route begins at; None for the beginning.
        now: seconds since the epoch.
        gone: what was trimmed before the route was made.
    """
    heard = books.accounts.get(run, {})
    receipt = _receipt(books, route, run)
    counts = [
        _count(key, receipt.positions.get(key), heard, from_beginning=start is None)
        for key in sorted({*receipt.positions, *_keys(route, run, heard)})
    ]
    known = [count for count in counts if count is not None]
    if not known:
        return None
    logged, sent = (sum(column) for column in zip(*known, strict=True))
    positions = receipt.positions.values()
    holes = _holes(positions)
    if start is None and (expired := _expired(route, run, heard, receipt, gone)):
        holes[_EXPIRED] = holes.get(_EXPIRED, 0) + expired
    dead_letters = sum(position.dead_letters for position in positions)
    again = _sent_again(receipt)
    letters, torn = min(again[RetryOf.RECORDS], dead_letters), min(again[RetryOf.MESSAGES], holes.get(_TORN, 0))
    if torn:
        holes[_TORN] -= torn
    # A place that lost what it had counted: what was sent again to it counts for itself then, and the sum holds.
    uncounted = sum(again.values()) - letters - torn
    logged, sent = logged + uncounted, sent + uncounted
    fates = {
        "delivered": sum(position.delivered for position in positions),
        "filtered": sum(position.filtered for position in positions),
        "refused": sum(position.refused for position in positions),
        "dead_letters": dead_letters - letters,
        "gaps": sum(holes.values()),
    }
    pending = sent - sum(fates.values())
    missing = fates["gaps"] + fates["refused"] + fates["dead_letters"]
    settled = logged == sent and pending == 0
    state, attempt = run_state(heard, settled=settled, missing=missing, now=now or time.time())
    return RunRow(
        run.run,
        run.site,
        route.name,
        state,
        logged,
        sent,
        fates["delivered"],
        fates["filtered"],
        fates["refused"],
        receipt.duplicates,
        fates["dead_letters"],
        fates["gaps"],
        pending,
        holes={name: count for name, count in holes.items() if count},
        first_time=receipt.first_time,
        last_time=receipt.last_time,
        unlisted=receipt.unlisted,
        refused_calls=sum(sum(item.account.refused.values()) for item in heard.values()),
        attempt=attempt,
        untold=_untold(heard, receipt),
    )


def _untold(heard: Mapping[str, Heard], receipt: Receipt) -> bool:
    ending = standing({writer: item.account for writer, item in heard.items()}) if receipt.positions else None
    return ending is not None and ending.state is not EndingState.RUNNING and is_news(ending, receipt.ending)


def _holes(positions: Iterable[Position]) -> dict[str, int]:
    holes: dict[str, int] = {}
    for position in positions:
        for name, count in position.holes.items():
            holes[str(name)] = holes.get(str(name), 0) + count
    return holes


def _expired(route: Route, run: RunKey, heard: Mapping[str, Heard], receipt: Receipt, gone: Gone) -> int:
    keys = [key for key in _keys(route, run, heard) if (run, key) in gone and key not in receipt.positions]
    return sum(heard[key.writer].account.classes[key.record_class].published for key in keys)


def _receipt(books: Books, route: Route, run: RunKey) -> Receipt:
    """Return the receipt about the place that the route has now; what another place holds, this one does not."""
    found = books.receipts.get((route.name, run))
    return found if found is not None and found.sink == route.sink.identity else Receipt(route.sink.identity, {})


def _sent_again(receipt: Receipt) -> dict[RetryOf, int]:
    """Return how many indexes were sent again and have met their fate, by what they were before."""
    found = dict.fromkeys(RetryOf, 0)
    for key, position in receipt.positions.items():
        of = retry_of(key.writer)
        if of is not None:
            found[of] += position.next - position.base
    return found


def _runs(books: Books, route: Route) -> Iterable[RunKey]:
    return {*books.accounts, *(run for name, run in books.receipts if name == route.name)}


def _keys(route: Route, run: RunKey, heard: Mapping[str, Heard]) -> Iterable[StreamKey]:
    taken = takes(route.subjects)
    for writer, item in heard.items():
        for record_class in item.account.classes:
            if taken(Subject(run, record_class, writer)):
                yield StreamKey(writer, record_class)


def _count(
    key: StreamKey, position: Position | None, heard: Mapping[str, Heard], *, from_beginning: bool
) -> tuple[int, int] | None:
    """Return ``(logged, sent)`` of one numbering; None if the route began behind all of it, or counted it before."""
    if retry_of(key.writer) is not None:
        return 0, 0
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
