"""Workers that come and go, hang, get no memory, and are restarted one after another, with everything else, under load.

A kernel that ends a process for want of memory sends SIGKILL: the rows of ``test_processes.py``. Here the process lives
on and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix.account import Account
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.scaling import ALL_ROLLED, HANGING, NOBODY, SCALED, STARVED, WORKERS_ROLLED
from support.matrix.stand import Plan

FILES = just(TENSORBOARD, JSONL)
THREE = just(TENSORBOARD, MLFLOW, WANDB)
ONE = Plan((), programs=2, runs=2, rate=400)
TWO = Plan((), programs=2, runs=2, rate=160, workers=2, sidecars=1)

ROWS = [
    Row("F5 one of two workers is stopped for 60 s", [HANGING], 2, 0, TWO, THREE, patience=240, settle=True),
    Row("F5 a worker gets no more memory", [STARVED], 6, 0, ONE, FILES, settle=True),
    Row("F5 1, 4, 1 and 2, 0, 2 workers", [SCALED, NOBODY], 4, 0, ONE, THREE),
    Row("F5 rolling restarts", [WORKERS_ROLLED, ALL_ROLLED], 6, 1, TWO, FILES),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_however_many_work_every_point_is_there_once(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
