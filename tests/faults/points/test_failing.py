"""The points at which something of one run fails: parked, in the dead letters, unreadable."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import Case
from support.checker.failing import FAILING
from support.checker.inside import Inside
from support.checker.load import Finding
from support.checker.scene import FULL, Scene, scene
from support.checker.way import BETWEEN, BORN, DRAINING, ENTERING, LEAVING, RETRYING
from support.points import NAMES

NUMBERS = (SIGKILL, SIGSTOP) if FULL else (SIGKILL,)
WORKERS = (1, 2, 4) if FULL else (2,)

CASES = [Case(point, number, workers) for point in FAILING for number in NUMBERS for workers in WORKERS]

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


def test_every_point_has_its_case() -> None:
    assert {*ENTERING, *BORN, *DRAINING, *BETWEEN, *LEAVING, *FAILING, *RETRYING} == {*Point, *Inside}
