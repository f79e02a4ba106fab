"""The acceptance of the three trackers notices what is missing, too much, moved or changed."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.checker.grid import GRID, snapped
from support.three.points import Due, Seen, differences, of_mappings

DUE = [Due("loss", float(step), step, 100.0 + step, 100.5 + step) for step in range(3)] + [
    Due("nan", math.nan, 0, 1, 1)
]
SEEN = [Seen(due.name, due.value, due.step, due.since + 0.25 * (due.name == "loss")) for due in DUE]


def test_what_is_as_it_was_said_differs_in_nothing() -> None:
    assert [*differences(DUE, SEEN, 0.001)] == []


@pytest.mark.parametrize(
    "seen",
    [
        SEEN[1:],
        [*SEEN, SEEN[0]],
        [*SEEN, Seen("nobody's", 1.0, 0, 1.0)],
        [SEEN[1], SEEN[0], *SEEN[2:]],
        [replace(SEEN[0], value=0.5), *SEEN[1:]],
        [replace(SEEN[0], step=7), *SEEN[1:]],
        [replace(SEEN[0], time=99.99), *SEEN[1:]],
        [replace(SEEN[0], time=100.51), *SEEN[1:]],
        [replace(SEEN[0], beside=(("round", 1),)), *SEEN[1:]],
        [*SEEN[:3], replace(SEEN[3], value=0.0)],
    ],
    ids=["missing", "doubled", "too much", "swapped", "value", "step", "early", "late", "beside", "no NaN"],
)
def test_each_difference_is_noticed(seen: list[Seen]) -> None:
    assert [*differences(DUE, seen, 0.001)]


def test_mappings_differ_by_missing_further_and_changed_values() -> None:
    assert [*of_mappings("param", {"a": 1, "b": "x"}, {"a": 1, "b": "x"})] == []
    assert len([*of_mappings("param", {"a": 1, "b": "x", "d": 1}, {"b": "y", "c": 1, "d": True})]) == 4


@given(st.integers(0, 2**38), st.floats(-0.001, 0.001))
def test_a_time_that_was_rounded_to_milliseconds_is_brought_back(number: int, off: float) -> None:
    logged = number / GRID
    assert snapped(logged + off * 0.99) == logged
    assert snapped(logged + 0.003) == logged + 0.003
