"""SIGKILL, SIGSTOP and restart of every kind of process at random moments under load, into three trackers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix import processes as happen
from support.matrix.account import Account
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.stand import Plan

THREE = just(TENSORBOARD, MLFLOW, WANDB)
RATE = 160  # points a second of all runs: what MLflow takes on a busy machine
LOAD = Plan((), programs=2, runs=2, rate=RATE)
BESIDE = Plan((), programs=2, runs=2, rate=RATE, workers=2, sidecars=1)

ROWS = [
    Row("F5 a worker is killed, the only one", [happen.WORKER_KILLED], 100, 2, LOAD, THREE),
    Row("F5 one of two workers is killed", [happen.WORKER_KILLED], 100, 0, BESIDE, THREE),
    Row("F3 the broker is killed", [happen.SERVER_KILLED, happen.BROKER_KILLED], 100, 1, LOAD, THREE),
    Row("F1 a trainer is killed and goes on", [happen.TRAINER_KILLED], 100, 2, LOAD, THREE),
    Row("F1 a trainer or its sidecar is killed", [happen.TRAINER_KILLED, happen.SIDECAR_KILLED], 40, 0, BESIDE, THREE),
    Row("all: everything is killed at once", [happen.EVERYTHING_KILLED], 10, 0, BESIDE, THREE),
    Row(
        "F5 a process is stopped for up to 12 s",
        [
            happen.WORKER_STOPPED,
            happen.SIDECAR_STOPPED,
            happen.TRAINER_STOPPED,
            happen.SERVER_STOPPED,
        ],
        20,
        0,
        BESIDE,
        THREE,
    ),
    Row(
        "all: any process is killed, stopped or restarted",
        [
            happen.WORKER_KILLED,
            happen.SIDECAR_KILLED,
            happen.TRAINER_KILLED,
            happen.SERVER_KILLED,
            happen.BROKER_KILLED,
            happen.WORKER_STOPPED,
            happen.SERVER_STOPPED,
            happen.WORKER_RESTARTED,
        ],
        40,
        0,
        BESIDE,
        THREE,
    ),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_whatever_is_killed_or_stopped_every_point_is_there_once(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
