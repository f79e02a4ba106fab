"""The checker notices each guard of the product that a worker does without, and says in which term."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker import trouble
from support.checker.case import Case, play
from support.checker.load import Finding
from support.checker.scene import BOTH, Scene, scene
from support.checker.tracker import TENSORBOARD, Tracker

PATIENCE = 8.0  # seconds: what is broken may well come to nothing

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def found(
    folder: Path, guard: str, scenario: Callable[[Scene], Finding], trackers: tuple[Tracker, ...] = BOTH
) -> Finding:
    """Play a scenario of the matrix with workers that do without a guard."""
    with scene(folder, trackers=trackers, without=guard) as broken:
        finding = scenario(broken)
    print(f"without the {guard.replace('_', ' ')}: {finding}")
    return finding


def test_without_the_index_check_what_comes_again_is_doubled(tmp_path: Path) -> None:
    case = Case(Point.BATCH_COMMITTED, SIGKILL, 1)
    finding = found(tmp_path, "index_check", lambda broken: play(broken, case, PATIENCE), (TENSORBOARD,))
    assert finding.verdict.duplicated
    assert not finding.verdict.lost


def test_without_the_partition_lock_a_stopped_owner_doubles_what_its_successor_wrote(tmp_path: Path) -> None:
    case = Case(Point.BATCH_TORN, SIGSTOP, 2, followed=True)
    finding = found(tmp_path, "partition_lock", lambda broken: play(broken, case, PATIENCE))
    assert finding.verdict.duplicated


def test_without_reading_positions_a_successor_doubles_what_is_there(tmp_path: Path) -> None:
    case = Case(Point.BATCH_COMMITTED, SIGKILL, 1)
    finding = found(tmp_path, "reading_positions", lambda broken: play(broken, case, PATIENCE), (TENSORBOARD,))
    assert finding.verdict.duplicated


def test_acknowledged_before_the_commit_the_last_batch_is_lost(tmp_path: Path) -> None:
    finding = found(tmp_path, "acknowledge_after_commit", lambda broken: trouble.last_batch(broken, PATIENCE))
    assert finding.verdict.lost


def test_a_hole_that_is_counted_as_delivered_does_not_add_up(tmp_path: Path) -> None:
    finding = found(tmp_path, "holes", lambda broken: trouble.overflow(broken, PATIENCE))
    assert finding.verdict.lost
    assert any("delivered" in complaint for complaint in finding.complaints)


def test_a_base_taken_from_what_happens_to_arrive_loses_what_lies_below(tmp_path: Path) -> None:
    finding = found(tmp_path, "base", lambda broken: trouble.refill(broken, PATIENCE))
    assert finding.verdict.lost
