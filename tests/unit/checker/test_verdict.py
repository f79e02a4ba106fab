"""What the checker calls lost, duplicated, unexpected and out of order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import pytest

from support.checker.tracker import Tracker
from support.journal import Journal
from support.points import Point, points
from support.product import Process, Trainer
from support.verdict import Verdict

COUNT = 30

Story = list[tuple[str, Point]]


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """One that has logged ``COUNT`` points and had begun one more when it was killed."""
    journal = Journal.create(tmp_path / "journal")
    journal.accepted, journal.attempted = COUNT, COUNT + 1
    process = Process(tmp_path / "log", ["true"], tmp_path)
    process.wait()
    return Trainer(process, journal, 1, "clinic", "job")


def twice(story: Story) -> Story:
    return [*story, story[3]]


def other_value(story: Story) -> Story:
    name, point = story[5]
    return [*story[:5], (name, point._replace(value=1.0)), *story[6:]]


def swapped_between_names(story: Story) -> Story:
    return [story[1], story[0], *story[2:]]


def swapped_within_a_name(story: Story) -> Story:
    return [*story[:3], *story[6:9], *story[3:6], *story[9:]]


def with_another_name(story: Story) -> Story:
    return [*story, ("nobody's", Point(0, 0.0, 0.0))]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (list, Verdict(31, 30, 30, 0, 0, 0, 0)),
        (lambda story: [*points(1, COUNT + 1)], Verdict(31, 30, 31, 0, 0, 0, 0)),
        (lambda story: story[:-4], Verdict(31, 30, 26, 4, 0, 0, 0)),
        (twice, Verdict(31, 30, 30, 0, 1, 0, 2)),
        (other_value, Verdict(31, 30, 29, 1, 0, 1, 0)),
        (swapped_between_names, Verdict(31, 30, 30, 0, 0, 0, 1)),
        (swapped_within_a_name, Verdict(31, 30, 30, 0, 0, 0, 4)),
        (with_another_name, Verdict(31, 30, 30, 0, 0, 1, 0)),
    ],
    ids=[
        "nothing",
        "one more",
        "the end missing",
        "doubled",
        "a value",
        "names swapped",
        "steps swapped",
        "another name",
    ],
)
def test_a_place_is_compared_point_by_point_with_what_was_logged(
    trainer: Trainer, tmp_path: Path, change: Callable[[Story], Story], expected: Verdict
) -> None:
    story = change(list(points(1, COUNT)))
    verdict = Tracker("route", "place", "{}", lambda place, key: story).judge(tmp_path, trainer)
    assert verdict == expected
    assert verdict.exact == (astuple(expected)[3:] == (0, 0, 0, 0))


def test_of_two_trackers_the_worse_counts() -> None:
    one, other = Verdict(10, 9, 9, 0, 2, 0, 0), Verdict(10, 9, 7, 2, 0, 0, 1)
    assert one.beside(other) == Verdict(10, 9, 7, 2, 2, 0, 1)


def test_what_is_named_as_missing_is_not_lost() -> None:
    assert Verdict(10, 10, 7, 3, 0, 0, 0).excusing(3).exact
    assert Verdict(10, 10, 7, 3, 0, 0, 0).excusing(2).lost == 1
