"""Every named point: a worker is killed or stopped there, and every point of every run is in the trackers once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import Case, every, play
from support.checker.load import Finding
from support.checker.scene import FULL, Scene
from support.checker.way import ENTERING, IN_FILES

TAKEOVERS = (*ENTERING, Point.BATCH_PLANNED, Point.BATCH_TORN, Point.BATCH_WRITTEN)

FEW = [
    *[Case(point, SIGKILL, 2) for point in IN_FILES],
    Case(Point.BATCH_TORN, SIGSTOP, 2, served=True),
    Case(Point.BATCH_WRITTEN, SIGSTOP, 2),
    Case(Point.BATCH_WRITTEN, SIGSTOP, 1),
    Case(Point.RUN_LISTED, SIGKILL, 2, takeover=True),
]


def served_to_four(case: Case) -> Case:
    """Have those of four workers watched through TensorBoard's data server."""
    return replace(case, served=case.workers == 4)


pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("case", [*map(served_to_four, every(IN_FILES, TAKEOVERS))] if FULL else FEW, ids=str)
def test_a_worker_that_dies_or_stops_at_a_point_loses_and_doubles_nothing(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(case, play(stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"
