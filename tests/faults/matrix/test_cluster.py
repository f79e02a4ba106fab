"""Three servers of which each can be killed, stopped, drained, wiped or cut off, with every stream on all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.checker.mlflow_tracker import MLFLOW
from support.checker.tracker import JSONL, TENSORBOARD
from support.checker.wandb_tracker import WANDB
from support.matrix import processes, servers
from support.matrix.account import Account
from support.matrix.clustered import Clustered, Parted
from support.matrix.row import Row, chosen, just, play, row_id
from support.matrix.stand import Plan

FILES = just(TENSORBOARD, JSONL)
THREE = just(TENSORBOARD, MLFLOW, WANDB)
LOAD = Plan((), programs=2, runs=2, rate=400, workers=2)
SLOWER = Plan((), programs=2, runs=2, rate=160, workers=2)  # what MLflow takes on a busy machine

ROWS = [
    Row("F3 cluster: one of three is killed", [servers.ONE_KILLED], 100, 0, LOAD, FILES, Clustered),
    Row("F3 cluster: the one that leads is killed", [servers.LEADER_KILLED], 30, 1, LOAD, FILES, Clustered),
    Row("F3 cluster: two of three are killed", [servers.TWO_KILLED], 10, 0, LOAD, FILES, Clustered),
    Row("F3 cluster: all are killed at once", [servers.ALL_KILLED], 10, 0, LOAD, FILES, Clustered),
    Row(
        "F3 cluster: the one that leads is stopped",
        [servers.LEADER_STOPPED, servers.LEADER_STOPPED_SHORTLY],
        10,
        0,
        LOAD,
        FILES,
        Clustered,
    ),
    Row("F3 cluster: a rolling upgrade (lame duck)", [servers.UPGRADED], 4, 0, LOAD, FILES, Clustered),
    Row("F3 cluster: one of three loses its store", [servers.ONE_WIPED], 10, 0, LOAD, FILES, Clustered),
    Row("F3 cluster: one of three is cut off", [servers.PARTED], 12, 0, LOAD, FILES, Parted),
    Row(
        "F3 cluster: servers and workers are killed, three trackers",
        [servers.ONE_KILLED, servers.LEADER_KILLED, servers.ALL_KILLED, processes.WORKER_KILLED],
        20,
        0,
        SLOWER,
        THREE,
        Clustered,
    ),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("row", chosen(*ROWS), ids=row_id)
def test_whatever_becomes_of_a_clusters_servers_every_point_is_there_once(
    tmp_path: Path, row: Row, note: Callable[[Account], Account]
) -> None:
    account = note(play(row, tmp_path))
    assert account.exact, account
