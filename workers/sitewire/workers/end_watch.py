"""Watches what publishers say of their writers, once for all partitions that a worker owns.

Who takes up a partition is told of the runs whose end its sink has not been told: one reading of the accounts and one
of the route's receipts, however many runs have ended long ago. From then on only accounts that are new are read.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import ACCOUNTS_STREAM, RECEIPTS_STREAM, partition_of
from sitewire.broker_config.stored import Latest
from sitewire.broker_config.stretch import read_stretch
from sitewire.schemas.account import Account, decode_account
from sitewire.schemas.ending import EndingState
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.receipt import Receipt, decode_receipt
from sitewire.schemas.subject import RECEIPT, RunKey, parse_account_subject, parse_receipt_subject
from sitewire.workers.endings import Takes, is_news, owing, standing

PERIOD = 2.0  # seconds between two looks
AT_A_TIME = 50  # accounts or receipts decoded before the loop sees to others; about 2 ms
MOST_BYTES = 1 << 20  # of accounts in one answer

_logger = logging.getLogger("sitewire.worker")


class Hearer(Protocol):
    """Who delivers a run."""

    def heard(self, writer: str, account: Account) -> None:
        """Take a writer's new account."""


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """The owner of a partition of a route.

    Attributes:
        route: the route's name.
        partition: which.
        sink: the identity of its sink.
        start: the stream sequence that the route begins at; None for the beginning.
        takes: whether the route reads a subject.
        known: asked for who delivers a run at present.
        begin: has a run delivered, to which no message need come; takes its experiment too.
    """

    route: str
    partition: int
    sink: str
    start: int | None
    takes: Takes
    known: Callable[[RunKey], Hearer | None]
    begin: Callable[[RunKey, str], Hearer]


@dataclass(frozen=True, slots=True)
class RouteEnds:
    """What a route's partitions need to hear of ends.

    Attributes:
        watch: tells them.
        takes: whether the route reads a subject.
    """

    watch: EndWatch
    takes: Takes


class EndWatch:
    """Tells listeners what they have to know of the ends of runs.

    Args:
        client: connected.
        generation: asked for a number that rises with each connection: the store may be another then.
    """

    def __init__(self, client: Client, generation: Callable[[], int]) -> None:
        self._client = client
        self._generation = generation
        self._listeners: set[Listener] = set()
        self._newcomers: set[Listener] = set()
        self._came = asyncio.Event()
        self._seen = 0

    @contextmanager
    def told(self, listener: Listener) -> Iterator[None]:
        """Tell a listener for as long as the block runs."""
        self._listeners.add(listener)
        self._newcomers.add(listener)
        self._came.set()
        try:
            yield
        finally:
            self._listeners.discard(listener)
            self._newcomers.discard(listener)

    async def run(self) -> None:
        """Look, until cancelled.

        Raises:
            BrokerError: the client is closed.
        """
        generation, trouble = -1, ""
        while True:
            heed_cancellation()
            if generation != self._generation():
                generation, self._seen, self._newcomers = self._generation(), 0, set(self._listeners)
            try:
                await self._look()
                trouble = ""
            except BrokerError as error:
                if self._client.is_closed:
                    raise
                if str(error) != trouble:
                    _logger.warning("the accounts cannot be read: %s; trying again", error)
                trouble = str(error)
            await self._pause()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PERIOD):
                await self._came.wait()
        except TimeoutError:
            pass
        self._came.clear()

    async def _look(self) -> None:
        newcomers = set(self._newcomers)
        if newcomers:
            await self._introduce(newcomers)
            self._newcomers -= newcomers
        elif self._listeners:
            await self._read_on()

    async def _introduce(self, newcomers: set[Listener]) -> None:
        """Tell newcomers of the runs whose sink has something to hear, and of all that they deliver already."""
        last, accounts = await self._accounts()
        receipts: dict[tuple[str, RunKey], Receipt] = {}
        for route in {listener.route for listener in newcomers}:
            receipts |= await self._receipts(route)
        for number, (run, writers) in enumerate(accounts.items()):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            for listener in newcomers & self._listeners:
                if listener.partition == partition_of(run):
                    _introduce_run(listener, run, writers, receipts.get((listener.route, run)))
        # Those who listen already have not seen what came since their last look.
        self._seen = self._seen or last

    async def _accounts(self) -> tuple[int, dict[RunKey, dict[str, Account]]]:
        """Return the last sequence of the accounts, and all of them."""
        accounts: dict[RunKey, dict[str, Account]] = {}
        last = 0
        for number, item in enumerate(await read_latest(self._client, ACCOUNTS_STREAM)):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            last = max(last, item.sequence)
            if (found := _account(item)) is not None:
                run, writer, account = found
                accounts.setdefault(run, {})[writer] = account
        return last, accounts

    async def _receipts(self, route: str) -> dict[tuple[str, RunKey], Receipt]:
        found: dict[tuple[str, RunKey], Receipt] = {}
        for number, item in enumerate(await read_latest(self._client, RECEIPTS_STREAM, f"{RECEIPT}.{route}.>")):
            if number % AT_A_TIME == 0:
                await asyncio.sleep(0)
            try:
                found[parse_receipt_subject(item.subject)] = decode_receipt(item.data)
            except SchemaError:
                continue  # of another build, say: its owner goes by the sink's positions
        return found

    async def _read_on(self) -> None:
        at_end = False
        while not at_end:
            heed_cancellation()
            stretch = await read_stretch(self._client, ACCOUNTS_STREAM, ">", self._seen + 1, MOST_BYTES)
            at_end = stretch.at_end
            for number, item in enumerate(stretch.messages):
                if number % AT_A_TIME == 0:
                    await asyncio.sleep(0)
                if (found := _account(item)) is not None:
                    self._tell(*found)
                self._seen = item.sequence

    def _tell(self, run: RunKey, writer: str, account: Account) -> None:
        partition = partition_of(run)
        for listener in self._listeners:
            if listener.partition != partition:
                continue
            hearer = listener.known(run)
            if (
                hearer is None
                and account.stopped
                and any(True for _ in owing(run, {writer: account}, {}, listener.takes))
            ):
                hearer = listener.begin(run, account.experiment)
            if hearer is not None:
                hearer.heard(writer, account)


def _account(item: Latest) -> tuple[RunKey, str, Account] | None:
    try:
        run, writer = parse_account_subject(item.subject)
        return run, writer, decode_account(item.data)
    except SchemaError:
        return None  # nobody can be charged with it


def _introduce_run(listener: Listener, run: RunKey, accounts: Mapping[str, Account], receipt: Receipt | None) -> None:
    hearer = listener.known(run)
    if hearer is not None:  # it may have read them before the last of these came, which nobody says again
        for writer, account in accounts.items():
            hearer.heard(writer, account)
    elif receipt is not None and _concerns(listener, run, accounts, receipt):
        listener.begin(run, next(iter(accounts.values())).experiment)


def _concerns(listener: Listener, run: RunKey, accounts: Mapping[str, Account], receipt: Receipt) -> bool:
    """Whether the sink of a run may have something to hear now; what lacks messages is looked at when they come."""
    ending = standing(accounts)
    if receipt.sink != listener.sink or ending is None or not is_news(ending, receipt.ending):
        return False
    if ending.state is EndingState.RUNNING:
        return True
    owed = owing(run, accounts, receipt.positions, listener.takes)
    return all(listener.start is not None and key not in receipt.positions for key in owed)
