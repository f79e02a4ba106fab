"""A broker whose store was wiped, or restored from an older copy, under load: the spools fill it again.

The same for ``sitewire up``, and for a trainer that has ended, is in ``tests/faults/pipeline/test_store.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix import processes as happen
from support.matrix.account import Account
from support.matrix.lost_stores import RESTORED, RESTORED_LIVE, WIPED
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.stand import Plan

FILES = just(TENSORBOARD, JSONL)
THREE = just(TENSORBOARD, MLFLOW, WANDB)
LOST = [WIPED, RESTORED, RESTORED_LIVE]
KILLED = [*LOST, happen.WORKER_KILLED, happen.SIDECAR_KILLED, happen.TRAINER_KILLED]
LOAD = Plan((), programs=2, runs=2, rate=400)
BESIDE = Plan((), programs=2, runs=2, rate=160, workers=2, sidecars=1)

ROWS = [
    Row("F3 the broker's store is wiped or restored", LOST, 12, 1, LOAD, FILES),
    Row("F3 the store is wiped or restored, sidecars, three trackers", LOST, 6, 0, BESIDE, THREE),
    Row("F3 the store is wiped or restored while processes are killed", KILLED, 20, 0, BESIDE, FILES),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_a_broker_that_has_lost_what_it_acknowledged_is_filled_again(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
    assert account.acknowledged >= account.verdicts["tb"].accepted, account
