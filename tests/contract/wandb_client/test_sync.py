"""What ``wandb sync`` sends of one run's segments: why the sink's steps go on, and why it never resumes offline."""

from __future__ import annotations

from pathlib import Path

from support.wandb.client import log, segments, sync
from support.wandb.standin import Fault, StandIn, Where


def _rows(standin: StandIn, run: str) -> list[int]:
    return [row["row"] for row in standin.run("project", run).history]


def test_three_segments_of_a_run_arrive_each_point_once_with_its_step(standin: StandIn, tmp_path: Path) -> None:
    log(standin, tmp_path, range(5), range(5, 9), range(9, 12), run="three", mode="offline")
    found = segments(tmp_path)
    assert len(found) == 3
    sync(standin, *found)
    history = standin.run("project", "three").history
    assert [row["_step"] for row in history] == _rows(standin, "three") == list(range(12))


def test_a_segment_that_is_synced_doubles_the_run_if_one_insists(standin: StandIn, tmp_path: Path) -> None:
    log(standin, tmp_path, range(5), run="again", mode="offline")
    sync(standin, *segments(tmp_path))
    sync(standin, *segments(tmp_path))
    assert _rows(standin, "again") == [0, 1, 2, 3, 4]
    sync(standin, *segments(tmp_path), again=True)
    assert _rows(standin, "again") == [0, 1, 2, 3, 4] * 2


def test_a_refused_sync_says_that_it_worked(standin: StandIn, tmp_path: Path) -> None:
    log(standin, tmp_path, range(5), run="denied", mode="offline")
    refused = standin.faults.add(Fault(Where.FILE_STREAM, "denied", 403, times=1))
    sync(standin, *segments(tmp_path))
    assert refused.met == 1
    assert _rows(standin, "denied") == []
    assert list(segments(tmp_path)[0].glob("*.synced"))
