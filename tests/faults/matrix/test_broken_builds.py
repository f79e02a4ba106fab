"""A build without one of its guards, in a row of the matrix: nobody says where to look, the account says what is wrong.

Random trouble finds few. Acknowledged before the commit, only the last batch of a run is lost, as a gap is read again
from the stream; beside a missing lock a stop has to fall between two writes of one batch. Twelve random strikes met
neither, which is why there are named points: ``tests/faults/points/test_guards.py`` finds them all.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from sitewire.collectors.spool.policy import LEAST_LIMIT_BYTES
from support.checker.scene import SHORT
from support.checker.tracker import JSONL, Tracker
from support.matrix.account import Account
from support.matrix.processes import Happening
from support.matrix.row import FULL, Row, just, play
from support.matrix.stand import Plan, Stand

PATIENCE = 15.0  # seconds: what is broken may well come to nothing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not FULL, reason="a minute and a half; the named points find it in seconds"),
]


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
