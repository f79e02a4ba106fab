"""Clocks that leap by an hour, a day, 20 years, or drift: of trainers, sidecars and workers, under load, with kills.

nats-server's own clock is not set: that takes the machine's. Nor is that of W&B's core, which is none of ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sitewire.collectors.publisher.collector import SCAN_INTERVAL
from sitewire.collectors.spool.directory import discover
from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.clocks import TRAINERS, Clocks, changed
from support.matrix import processes as happen
from support.matrix.account import Account
from support.matrix.fault import Fault
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.set_clocks import DAY, ClockSet, House
from support.matrix.stand import Plan
from support.product import Site, site_in, until

HOUSE = House()
SET = ClockSet(HOUSE)
SETTING: list[Fault] = [SET, SET, happen.WORKER_KILLED, happen.SIDECAR_KILLED, happen.TRAINER_KILLED]
FILES = just(TENSORBOARD, JSONL)
THREE = just(TENSORBOARD, MLFLOW, WANDB)
LOAD = Plan((), programs=2, runs=2, rate=200, workers=2, sidecars=1, trainer=TRAINERS)

ROWS = [
    Row("F2 clocks are set while processes are killed", SETTING, 30, 3, LOAD, FILES, prepare=HOUSE.prepare),
    Row("F2 clocks are set, with three trackers", SETTING, 12, 0, LOAD, THREE, prepare=HOUSE.prepare),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_whatever_the_clocks_say_every_point_is_there_once_and_soon(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account


def test_a_leaping_clock_has_a_sidecar_forget_nothing_that_the_broker_could_lose(tmp_path: Path) -> None:
    clocks = Clocks(tmp_path / "clocks")
    with changed(TEST_CLOCKS=str(tmp_path / "clocks")), site_in(tmp_path / "here") as here:
        here.start("broker")
        until(lambda: here.run("broker", "apply").returncode == 0, here.logs)
        here.start("collect", "--spool", str(here.spool), "--url", here.url)
        trainer = here.train(1000, SITEWIRE_PUBLISH="none")
        assert trainer.process.wait() == 0
        until(lambda: _drained(here), here.logs)
        for ahead in (DAY, -DAY):
            clocks.set_role("sidecar", ahead)
            _wait_for_scans()
            assert len(discover(here.spool)) == 1


def _drained(here: Site) -> bool:
    found = discover(here.spool)
    return bool(found) and found[0].cursor_file.load().drained.wall > 0


def _wait_for_scans() -> None:
    """Have the sidecar look through its spool twice at least: what is seen is that nothing comes of it."""
    time.sleep(SCAN_INTERVAL * 3)
