"""Every named point: a worker is killed or stopped there, and every point of every run is in the trackers once."""

from __future__ import annotations

from collections.abc import Callable
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import BETWEEN, ENTERING, LEAVING, Case, every, play
from support.checker.load import Finding
from support.checker.scene import FULL, Scene

FEW = [
    *[Case(point, SIGKILL, 2) for point in (*ENTERING, *BETWEEN, *LEAVING)],
    Case(Point.BATCH_TORN, SIGSTOP, 2, served=True),
    Case(Point.BATCH_WRITTEN, SIGSTOP, 2),
    Case(Point.BATCH_WRITTEN, SIGSTOP, 1),
    Case(Point.RUN_LISTED, SIGKILL, 2, takeover=True),
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize("case", [*every()] if FULL else FEW, ids=str)
def test_a_worker_that_dies_or_stops_at_a_point_loses_and_doubles_nothing(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(case, play(stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"
