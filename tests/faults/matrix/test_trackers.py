"""Trackers in trouble under load, by random draws: exact in the end, and the trackers beside them go on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.checker.tracker import TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix import wandb_client as client
from support.matrix.account import Account
from support.matrix.moody_server import House, troubles
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.stand import Plan

HOUSE = House()
TROUBLES = troubles(HOUSE)
CLIENT = [client.CORE_KILLED, client.HOST_KILLED, client.CORE_STOPPED, client.HOST_STOPPED]
SLOW = Plan((), programs=2, runs=2, rate=120)
LOAD = Plan((), programs=2, runs=2, rate=300)

ROWS = [
    Row(
        "F6 MLflow's server is in trouble",
        TROUBLES,
        24,
        0,
        SLOW,
        HOUSE.trackers,
        prepare=HOUSE.prepare,
        settle=True,
        may_lose=True,  # a record that it refuses by its form is a dead letter
    ),
    Row("F6 W&B's client dies or hangs", CLIENT, 12, 0, LOAD, just(TENSORBOARD, WANDB)),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_a_tracker_in_trouble_has_it_all_in_the_end(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
