"""The points at which something of one run fails: parked, in the dead letters, unreadable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import Case
from support.checker.failing import FAILING
from support.checker.inside import Inside
from support.checker.load import Finding
from support.checker.mlflow_tracker import MLFLOW
from support.checker.scene import FULL, Scene, scene
from support.checker.tracker import Tracker
from support.checker.wandb_tracker import WANDB
from support.checker.way import BETWEEN, BORN, DRAINING, ENTERING, LEAVING, RETRYING
from support.points import NAMES

NUMBERS = (SIGKILL, SIGSTOP) if FULL else (SIGKILL,)
WORKERS = (1, 2, 4) if FULL else (2,)

CASES = [Case(point, number, workers) for point in FAILING for number in NUMBERS for workers in WORKERS]

ELSEWHERE = [
    (tracker, Case(point, number))
    for tracker in (MLFLOW, WANDB)
    for point in (Point.LETTER_PUBLISHED, Point.MESSAGE_KEPT, Point.HOLE_NOTED)
    for number in (SIGKILL, SIGSTOP)
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def picky_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene whose trackers refuse a record of each run."""
    with scene(tmp_path_factory.mktemp("picky"), refused=NAMES[0]) as made:
        yield made


@pytest.mark.parametrize("case", [case for case in CASES if case.point is not Point.LETTER_PUBLISHED], ids=str)
def test_what_fails_in_one_run_is_named_or_made_good_whoever_dies_meanwhile(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(case, FAILING[case.point](stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"


@pytest.mark.parametrize("case", [case for case in CASES if case.point is Point.LETTER_PUBLISHED], ids=str)
def test_a_refused_record_is_one_dead_letter_whoever_dies_behind_it(
    picky_stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(case, FAILING[case.point](picky_stage, case))
    assert finding.exact, f"{finding}\n{picky_stage.site.logs()}"


@pytest.mark.parametrize(("tracker", "case"), ELSEWHERE if FULL else ELSEWHERE[:1], ids=str)
def test_the_same_holds_of_what_mlflow_and_wandb_never_take(
    tmp_path: Path, tracker: Tracker, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    refused = NAMES[0] if case.point is Point.LETTER_PUBLISHED else ""
    with scene(tmp_path, trackers=[tracker], refused=refused) as made:
        finding = note(f"{case}, to {tracker}", FAILING[case.point](made, case))
        assert finding.exact, f"{finding}\n{made.site.logs()}"


def test_every_point_has_its_case() -> None:
    assert {*ENTERING, *BORN, *DRAINING, *BETWEEN, *LEAVING, *FAILING, *RETRYING} == {*Point, *Inside}
