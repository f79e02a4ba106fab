"""The soak's verdict notices what is missing, doubled, changed or moved, in one pass and in little memory."""

from __future__ import annotations

import pytest

from support.soak.plan import Part, Plan
from support.soak.rows import NAMES, value_of
from support.soak.stored import Stored
from support.soak.trend import is_flat, slope
from support.soak.verdict import Logged, judge_stream

LOGGED = Logged(Part("a", "trial-0", 7, 4.0), 1.7e9, attempted=6, accepted=5)
POINTS = [
    Stored(name, step, value_of(7, step, index), 1.7e9 + step / 4)
    for step in range(5)
    for index, name in enumerate(NAMES)
]


def test_what_was_logged_is_exact() -> None:
    verdict = judge_stream(LOGGED, POINTS, ordered=True)
    assert verdict.exact
    assert (verdict.attempted, verdict.accepted, verdict.delivered) == (60, 50, 50)


def test_a_row_that_was_begun_and_never_returned_may_be_there() -> None:
    more = Stored(NAMES[0], 5, value_of(7, 5, 0), 1.7e9 + 5 / 4)
    verdict = judge_stream(LOGGED, [*POINTS, more], ordered=True)
    assert verdict.exact
    assert verdict.delivered == 51


@pytest.mark.parametrize(
    ("stored", "wrong"),
    [
        (POINTS[1:], {"lost": 1}),
        ([POINTS[0], *POINTS], {"duplicated": 1}),
        ([POINTS[10], *POINTS[:10], *POINTS[11:]], {"out_of_order": 1}),
        ([*POINTS, Stored("nobody's", 0, 1.0, 1.7e9)], {"unexpected": 1}),
        ([*POINTS, Stored(NAMES[0], 6, value_of(7, 6, 0), 1.7e9 + 1.5)], {"unexpected": 1}),
        ([POINTS[0]._replace(value=0.5), *POINTS[1:]], {"lost": 1, "unexpected": 1}),
        ([POINTS[0]._replace(time=1.7e9 + 0.002), *POINTS[1:]], {"lost": 1, "unexpected": 1}),
    ],
    ids=["missing", "doubled", "swapped", "too much", "never begun", "value", "time"],
)
def test_what_is_wrong_is_counted(stored: list[Stored], wrong: dict[str, int]) -> None:
    verdict = judge_stream(LOGGED, stored, ordered=True)
    found = {name: getattr(verdict, name) for name in ("lost", "duplicated", "unexpected", "out_of_order")}
    assert found == dict.fromkeys(found, 0) | wrong


def test_a_plan_logs_its_rate_and_a_tenth_of_it_in_the_run_that_goes_to_mlflow() -> None:
    parts = list(Plan(1.0, 10_000).parts())
    assert len(parts) == len({part.seed for part in parts}) == 32
    assert sum(part.pace for part in parts) * len(NAMES) == pytest.approx(10_000)
    assert sum(part.pace for part in parts if part.run == "trial-0") * len(NAMES) == pytest.approx(1_000)


def test_growth_is_seen_through_peaks_and_steady_memory_is_flat() -> None:
    steady = [(second / 360, 100.0 + (second % 7) + 50 * (second % 90 == 3)) for second in range(360)]
    leaking = [(hour, size + 12 * hour) for hour, size in steady]
    assert is_flat(steady)
    assert slope(leaking) == pytest.approx(12, abs=1)
    assert not is_flat(leaking)
