"""A row of the matrix, and how it is played: random trouble at random moments under load, and an account of it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from support.checker.tracker import TENSORBOARD, Tracker
from support.matrix.account import Account
from support.matrix.books import Books, missing, read_books, wrong
from support.matrix.broker import Broker, Embedded
from support.matrix.catching_up import CatchingUp
from support.matrix.fault import Fault
from support.matrix.lives import LivedRun
from support.matrix.memory import watching_memory
from support.matrix.stand import Plan, Stand, standing
from support.matrix.stored import count_stored

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
"""Full numbers: ``make faults``."""

SEED: Final = os.environ.get("SITEWIRE_TEST_SEED")
BEGUN: Final = 100  # points of each run that are shown before the first strike
MEASURED: Final = 0.3  # of the strikes are followed by a wait until all is shown
MOST_PROGRESS: Final = 400  # points of a run that are waited for between two strikes
MOST_PAUSE: Final = 3.0  # seconds between two strikes when nothing is waited for
PATIENCE: Final = 120.0  # seconds for what takes some

MakeTrackers = Callable[[Path], AbstractContextManager[Sequence[Tracker]]]


def just(*trackers: Tracker) -> MakeTrackers:
    """Return what needs nothing beside the workers."""
    return lambda folder: nullcontext(trackers)


TENSORBOARD_ALONE: Final = just(TENSORBOARD)


@dataclass(frozen=True)
class Row:
    """What happens under which load.

    Attributes:
        name: what people call it, with the number of the published matrix: "F5 a worker is killed".
        faults: drawn from at random.
        strikes: how many in full.
        short: how many in a short version, none to leave it out there.
        plan: what the stand is made of; its trackers come from ``trackers``.
        trackers: makes them in a folder, for as long as the row is played.
        broker: makes the stand's broker in a folder.
        prepare: changes a stand before it starts, and puts away in the end what that needed: links, disks, clocks.
        patience: seconds for what is waited for.
        settle: wait for all to be shown after each strike, and not only after some.
        may_lose: receipts may name something as missing; otherwise that is wrong, however well it is named.
    """

    name: str
    faults: Sequence[Fault]
    strikes: int
    short: int = 0
    plan: Plan = field(default_factory=lambda: Plan(()))
    trackers: MakeTrackers = TENSORBOARD_ALONE
    broker: Callable[[Path], Broker] = Embedded
    prepare: Callable[[Stand], AbstractContextManager[None]] = lambda stand: nullcontext()
    patience: float = PATIENCE
    settle: bool = False
    may_lose: bool = False

    def __str__(self) -> str:
        return self.name


def row_id(row: object) -> str:
    """Return a row's name as ``-k`` can pick it: without spaces."""
    return str(row).replace(" ", "_")


def chosen(*rows: Row) -> list[Row]:
    """Return the rows to be played: all in full, otherwise those that have a short version."""
    return [row for row in rows if FULL or row.short]


def play(row: Row, folder: Path, seed: int | None = None, strikes: int | None = None) -> Account:
    """Play a row, and return its account; whatever is wrong is in there.

    Args:
        row: which.
        folder: an empty one.
        seed: of the random choices; drawn itself, or ``SITEWIRE_TEST_SEED``, if none is given.
        strikes: how many, if not as many as the row says.

    Raises:
        AssertionError: a process that is not to die has died, or a trainer does not end.
    """
    seed = int(SEED) if seed is None and SEED else random.SystemRandom().randrange(10**6) if seed is None else seed
    account = Account(row.name, seed)
    print(f"{row.name}: seed {seed}")  # a row that does not come to its end has no account
    began = time.monotonic()
    with _stand(row, folder, seed) as stand, watching_memory(stand.roles) as memory:
        account.memory = memory.peaks
        catching_up = CatchingUp(stand.runs, stand.plan.trackers, stand.folder, row.patience)
        account.catch_up = catching_up.seconds
        catching_up.begin(BEGUN)
        for _ in range(strikes or (row.strikes if FULL else row.short)):
            if not catching_up.complaints:
                _strike(row, stand, account, catching_up)
        catching_up.measure()
        stand.finish()
        memory.look()
        _judge(row, stand, account)
        account.complaints += catching_up.complaints
        if not account.exact:
            print(stand.site.logs())
    account.seconds = time.monotonic() - began
    return account


@contextmanager
def _stand(row: Row, folder: Path, seed: int) -> Iterator[Stand]:
    folder.mkdir(parents=True, exist_ok=True)
    with row.trackers(folder) as trackers:
        made = Stand(folder, replace(row.plan, trackers=trackers), row.broker(folder), random.Random(seed))
        with row.prepare(made), standing(made):
            yield made


def _strike(row: Row, stand: Stand, account: Account, catching_up: CatchingUp) -> None:
    fault = stand.rng.choice(list(row.faults))
    fault.strike(stand)
    account.strikes[fault.name] = account.strikes.get(fault.name, 0) + 1
    if row.settle or stand.rng.random() < MEASURED:
        catching_up.measure()
        catching_up.wait_for_more(stand.rng.randrange(1, MOST_PROGRESS))
    elif stand.rng.random() < 0.5:
        catching_up.wait_for_more(stand.rng.randrange(1, MOST_PROGRESS), [stand.rng.choice(catching_up.eyes)])
    else:
        time.sleep(stand.rng.uniform(0, MOST_PAUSE))  # no condition: the moment is to be any


def _judge(row: Row, stand: Stand, account: Account) -> None:
    books = read_books(stand.site, stand.runs, [str(tracker.route) for tracker in stand.plan.trackers], row.patience)
    account.acknowledged = stand.ask(count_stored)
    for tracker in stand.plan.trackers:
        for run in stand.runs:
            _judge_run(stand, account, run, tracker, books)
    if account.named and not row.may_lose:
        account.complaints.append(f"receipts name {account.named} as missing, and nothing may be")


def _judge_run(stand: Stand, account: Account, run: LivedRun, tracker: Tracker, books: Books) -> None:
    verdict = run.judge(tracker, stand.folder)
    receipt = books.get((run.key.run, run.key.site, tracker.route))
    named = 0 if receipt is None else missing(receipt)
    if receipt is None:
        account.complaints.append(f"{run.label}: no receipt of {tracker.route}")
    else:
        account.complaints += [f"{run.label}: {words}" for words in wrong(receipt, run, verdict)]
    account.named += named
    account.add(str(tracker), verdict.excusing(named))
    account.recovered[str(tracker)] = account.recovered.get(str(tracker), 0) + run.recovered(tracker, stand.folder)
