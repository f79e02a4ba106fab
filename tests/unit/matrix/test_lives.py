"""What is due of a run whose trainer was killed: all that returned, once, each life in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitewire.schemas.subject import RunKey
from support.checker.tracker import Story, Tracker
from support.journal import Journal
from support.matrix.lives import LivedRun
from support.points import point

FIRST, SECOND = range(10), range(11, 20)  # of two lives; in the call of number 10 the first one was killed


@pytest.fixture
def run(tmp_path: Path) -> LivedRun:
    journal = Journal.create(tmp_path / "journal")
    journal.accepted, journal.attempted = 10, 11
    lived = LivedRun(RunKey("clinic", "job"), 1, tmp_path / "journal", journal)
    lived.die()
    journal.accepted = journal.attempted = 20
    return lived


def place(*numbers: int) -> Tracker:
    """Return a tracker that holds these points, in this order."""
    story: Story = [point(1, number) for number in numbers]
    return Tracker("route", "place", "{}", lambda place, key: story)


@pytest.mark.parametrize("numbers", [[*FIRST, *SECOND], [*FIRST, 10, *SECOND]], ids=["not there", "there"])
def test_the_call_that_was_killed_may_be_there_or_not(run: LivedRun, tmp_path: Path, numbers: list[int]) -> None:
    verdict = run.judge(place(*numbers), tmp_path)
    assert verdict.exact
    assert (verdict.attempted, verdict.accepted, verdict.delivered) == (20, 19, len(numbers))
    assert run.recovered(place(*numbers), tmp_path) == len(numbers) - 19
    assert run.due == 19


def test_two_lives_have_no_order_between_them(run: LivedRun, tmp_path: Path) -> None:
    assert run.judge(place(*SECOND, *FIRST), tmp_path).exact


def test_each_has_its_own(run: LivedRun, tmp_path: Path) -> None:
    assert run.judge(place(*FIRST, 12, 11, *range(13, 20)), tmp_path).out_of_order


def test_what_returned_in_the_first_life_is_due(run: LivedRun, tmp_path: Path) -> None:
    assert run.judge(place(*range(9), *SECOND), tmp_path).lost == 1


def test_what_is_there_twice_is_doubled_whichever_life_logged_it(run: LivedRun, tmp_path: Path) -> None:
    assert run.judge(place(*FIRST, *SECOND, 19), tmp_path).duplicated == 1
