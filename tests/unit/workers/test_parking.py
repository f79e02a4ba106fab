"""Which runs are in the way of others."""

from __future__ import annotations

import pytest

from sitewire.workers.parking import HANGS_AFTER, LARGE, MANY, PARK_AFTER, STANDS_STILL, Standstill

LITTLE, MOMENT = 1000, 0.01


def run(
    *,
    size: int = LITTLE,
    messages: int = 1,
    failing: float | None = None,
    attempting: float | None = None,
    missing: float | None = None,
    passed: float | None = None,
) -> Standstill:
    return Standstill(size, messages, failing, attempting, missing, passed)


@pytest.mark.parametrize("much", [{"size": LARGE}, {"messages": MANY}])
def test_one_that_fails_and_holds_much_is_in_the_way_at_once(much: dict[str, int]) -> None:
    assert run(failing=MOMENT, **much).is_in_the_way(full=False)


def test_one_that_fails_and_holds_little_is_in_the_way_at_once_only_where_there_is_no_room() -> None:
    assert run(failing=MOMENT).is_in_the_way(full=True)
    assert not run(failing=MOMENT, passed=0.0).is_in_the_way(full=False)


def test_one_that_fails_for_long_is_in_the_way_if_another_has_passed_it_since() -> None:
    assert run(failing=PARK_AFTER, passed=PARK_AFTER / 2).is_in_the_way(full=False)
    assert not run(failing=PARK_AFTER, passed=PARK_AFTER + 1).is_in_the_way(full=False)
    assert not run(failing=PARK_AFTER).is_in_the_way(full=False)


def test_an_attempt_hangs_if_nothing_of_a_full_partition_is_delivered_meanwhile() -> None:
    assert run(attempting=STANDS_STILL, passed=STANDS_STILL).is_in_the_way(full=True)
    assert run(attempting=STANDS_STILL).is_in_the_way(full=True)
    assert not run(attempting=STANDS_STILL, passed=MOMENT).is_in_the_way(full=True)  # all are slow
    assert not run(attempting=STANDS_STILL / 2, passed=STANDS_STILL).is_in_the_way(full=True)


def test_an_attempt_that_lasts_where_there_is_room_delays_nobody_and_is_given_time() -> None:
    assert not run(attempting=HANGS_AFTER / 2, passed=MOMENT, size=LARGE).is_in_the_way(full=False)
    assert run(attempting=HANGS_AFTER, passed=MOMENT).is_in_the_way(full=False)
    assert not run(attempting=HANGS_AFTER).is_in_the_way(full=False)


def test_one_that_waits_for_what_is_missing_is_in_the_way_if_it_holds_much_or_there_is_no_room() -> None:
    assert run(missing=PARK_AFTER, size=LARGE).is_in_the_way(full=False)
    assert run(missing=PARK_AFTER).is_in_the_way(full=True)
    assert not run(missing=MOMENT, size=LARGE).is_in_the_way(full=True)
    assert not run(missing=PARK_AFTER, passed=MOMENT).is_in_the_way(full=False)


def test_one_that_is_well_or_holds_nothing_is_in_nobodys_way() -> None:
    assert not run(size=LARGE, messages=MANY, passed=MOMENT).is_in_the_way(full=True)
    assert not run(size=0, messages=0, failing=100.0, passed=MOMENT).is_in_the_way(full=True)
