"""The judge that reads record by record says the same as the one that has all at once, and counts what is wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.checker.tracker import by_name
from support.points import Point, points
from support.pressure.story import judge_story
from support.verdict import Verdict, judge

SEED = 5
COUNT = 30
Found = list[tuple[str, Point]]


def drop(found: Found) -> Found:
    return [*found[:7], *found[8:]]


def double(found: Found) -> Found:
    return [*found[:7], *found[6:]]


def swap(found: Found) -> Found:
    return [*found[:6], found[9], *found[7:9], found[6], *found[10:]]


def change(found: Found) -> Found:
    name, at = found[7]
    return [*found[:7], (name, at._replace(value=at.value + 1)), *found[8:]]


def rename(found: Found) -> Found:
    return [*found, ("another", found[0][1])]


def invent(found: Found) -> Found:
    name, at = found[-1]
    return [*found, (name, at._replace(step=at.step + 1))]


@pytest.mark.parametrize(
    ("spoil", "lost", "duplicated", "unexpected"),
    [
        (list, 0, 0, 0),
        (drop, 1, 0, 0),
        (double, 0, 1, 0),
        (swap, 0, 0, 0),
        (change, 1, 0, 1),
        (rename, 0, 0, 1),
        (invent, 0, 0, 1),
    ],
)
def test_what_is_wrong_is_counted_as_by_the_judge_that_has_all_at_once(
    spoil: Callable[[Found], Found], lost: int, duplicated: int, unexpected: int
) -> None:
    found = spoil(list(points(SEED, COUNT)))
    verdict = judge_story(SEED, found, COUNT, COUNT)
    assert (verdict.lost, verdict.duplicated, verdict.unexpected) == (lost, duplicated, unexpected)
    assert verdict.exact == (spoil is list)
    same = judge(SEED, by_name(found), COUNT)
    assert (same.delivered, same.lost, same.duplicated) == (verdict.delivered, lost, duplicated)
    assert same.exact == verdict.exact


def test_a_call_that_was_begun_may_have_left_its_point() -> None:
    for there in (COUNT - 1, COUNT):
        assert judge_story(SEED, points(SEED, there), COUNT - 1, COUNT).exact
    assert judge_story(SEED, points(SEED, COUNT), COUNT - 1, COUNT) == Verdict(COUNT, COUNT - 1, COUNT, 0, 0, 0, 0)
