"""Builds without one of their guards, in rows of the matrix: random trouble finds each, and the account says how.

Not every guard is found this way. Acknowledged before the commit, only the last batch of a run is lost, as a gap is
read again from the stream; and beside a missing lock a stop has to fall between two writes of one batch. Twelve random
strikes did not meet either, which is why there are named points: ``tests/faults/points/test_guards.py`` finds them all.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sitewire.collectors.spool.policy import LEAST_LIMIT_BYTES
from support.checker.scene import SHORT
from support.checker.tracker import JSONL, TENSORBOARD, Tracker
from support.matrix import processes as happen
from support.matrix.account import Account
from support.matrix.processes import Happening
from support.matrix.row import Row, just, play
from support.matrix.stand import Plan, Stand

PATIENCE = 15.0  # seconds: what is broken may well come to nothing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def played(folder: Path, guard: str, fault: Happening, plan: Plan, tracker: Tracker, strikes: int) -> Account:
    """Play a row with workers that do without a guard, and are quick to follow each other."""
    worker = {"SITEWIRE_TEST_BREAK": guard, "SITEWIRE_TEST_CONSTANTS": " ".join(SHORT)}
    row = Row(
        f"{fault.name}, without {guard}",
        [fault],
        strikes,
        plan=replace(plan, worker=worker),
        trackers=just(tracker),
        patience=PATIENCE,
    )
    account = play(row, folder, strikes=strikes)
    print(account)
    assert not account.exact
    return account


def test_without_the_index_check_what_comes_again_is_doubled(tmp_path: Path) -> None:
    account = played(tmp_path, "index_check", happen.WORKER_KILLED, Plan((), programs=1, rate=300), TENSORBOARD, 12)
    assert account.verdicts["tb"].duplicated


def test_a_hole_that_is_counted_as_delivered_is_complained_of(tmp_path: Path) -> None:
    small = {"SITEWIRE_SPOOL_BYTES": str(LEAST_LIMIT_BYTES)}
    account = played(tmp_path, "holes", BROKER_AWAY, Plan((), programs=1, rate=20_000, trainer=small), JSONL, 1)
    assert account.verdicts["lines"].lost
    assert any("delivered is" in complaint for complaint in account.complaints)


def _take_the_broker_away(stand: Stand) -> None:
    stand.broker.kill()
    time.sleep(6)  # more than the smallest spool holds of this load
    stand.broker.start()


BROKER_AWAY = Happening("the broker is away", _take_the_broker_away)
