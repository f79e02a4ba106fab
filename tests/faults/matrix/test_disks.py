"""Disks that are full or read-only for a while, under load: of the broker's store, and of each tracker.

The spool's own disk is in ``test_spools_disk.py``: there records are dropped, and named.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix.account import Account
from support.matrix.full_disks import DiskFull, NoGrowth, Place, ReadOnly, broker_ends, worker_ends
from support.matrix.row import MakeTrackers, Row, chosen, just, play, row_id
from support.matrix.stand import Plan, Stand

FULL_DISK = ("No space left on device", "is full")
READ_ONLY = ("Read-only file system", "readonly database", "disk I/O error")
NO_GROWTH = ("File too large",)
DATABASE = replace(
    MLFLOW, place="db/mlflow.db", sink='{type: mlflow, tracking_uri: "sqlite:///db/mlflow.db", flush_seconds: 0.8}'
)
FILES = just(TENSORBOARD, JSONL)
WITH_WANDB = just(TENSORBOARD, WANDB)
WITH_MLFLOW = just(TENSORBOARD, DATABASE)
LOAD = Plan((), programs=2, runs=2, rate=300)
SLOW = replace(LOAD, rate=120)  # what MLflow takes

STORE = ("store", "the broker's store", "")
LOGDIR = ("runs", "TensorBoard's files", "tb")
LINES = ("lines", "jsonl's files", "lines")
SHELF = ("wandb", "W&B's files", "wandb")
TABLES = ("db", "MLflow's database", "mlflow")


Where = tuple[str, str, str]


def full(name: str, where: Where, trackers: MakeTrackers, plan: Plan = LOAD, short: int = 0) -> Row:
    """Return a row of a disk that is full, and has room again."""
    folder, who, victim = where
    place = Place(folder, who, FULL_DISK, victim)
    return Row(name, [DiskFull(place)], 4, short, plan, trackers, prepare=place.in_memory, settle=True)


def read_only(
    name: str, where: Where, ends: Callable[[Stand], Callable[[], object]], trackers: MakeTrackers, plan: Plan = LOAD
) -> Row:
    """Return a row of a disk that the kernel makes read-only, until it is mounted again."""
    folder, who, victim = where
    place = Place(folder, who, READ_ONLY, victim)
    return Row(name, [ReadOnly(place, ends)], 2, 0, plan, trackers, prepare=place.on_ext4, settle=True)


ROWS = [
    full("F3 the disk of the broker's store is full", STORE, FILES, short=1),
    full("F6 the disk of TensorBoard's files is full", LOGDIR, FILES, short=1),
    full("F6 the disk of jsonl's files is full", LINES, FILES),
    full("F6 the disk of W&B's files is full", SHELF, WITH_WANDB),
    full("F6 the disk of MLflow's database is full", TABLES, WITH_MLFLOW, SLOW),
    read_only("F3 the disk of the broker's store is read-only", STORE, broker_ends, FILES),
    read_only("F6 the disk of TensorBoard's files is read-only", LOGDIR, worker_ends, FILES),
    read_only("F6 the disk of jsonl's files is read-only", LINES, worker_ends, FILES),
    read_only("F6 the disk of W&B's files is read-only", SHELF, worker_ends, WITH_WANDB),
    read_only("F6 the disk of MLflow's database is read-only", TABLES, worker_ends, WITH_MLFLOW, SLOW),
    Row(
        "F6 no file of the worker may grow",
        [NoGrowth(Place("", "the worker's files", NO_GROWTH))],
        4,
        0 if os.geteuid() == 0 else 1,
        LOAD,
        FILES,
        settle=True,
    ),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_a_disk_in_trouble_is_named_and_nothing_is_lost_or_doubled(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
