"""Every named point on the way into W&B's files: each point of each run is in one row of its segments, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import Case, every, play
from support.checker.draining import draining
from support.checker.load import Finding
from support.checker.scene import FULL, Scene, scene
from support.checker.wandb_tracker import WANDB
from support.checker.way import DRAINING, IN_WANDB

TAKEOVERS = (Point.SINK_OPENED, Point.RUN_LISTED, Point.FILE_OPENING, Point.BATCH_TORN)

FEW = [
    Case(Point.FILE_OPENING, SIGKILL, 2),
    Case(Point.BATCH_TORN, SIGKILL, 2),
    Case(Point.BATCH_WRITTEN, SIGSTOP, 2),
    Case(Point.BATCH_COMMITTED, SIGKILL, 1),
]
DRAINED = [Case(point, number, many) for point in DRAINING for number in (SIGKILL, SIGSTOP) for many in (1, 2)]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene with W&B alone, offline."""
    with scene(tmp_path_factory.mktemp("wandb"), trackers=[WANDB]) as made:
        yield made


@pytest.mark.parametrize("case", [*every(IN_WANDB, TAKEOVERS, stopped=(2,))] if FULL else FEW, ids=str)
def test_a_worker_that_dies_or_stops_at_a_point_loses_and_doubles_nothing(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(f"{case}, to W&B", play(stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"


@pytest.mark.parametrize("case", DRAINED if FULL else DRAINED[1:2], ids=str)
def test_nor_does_one_that_waits_for_the_client_of_a_dead_worker(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(f"{case}, to W&B", draining(stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"
