"""When a run is suspect, and when a record is to blame: the rule alone."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.testing.samples import scalars, stream
from sitewire.workers.sinks.wandb.suspects import ENDED, FAILED, PROBATION, Death, Indexes, Suspects, indexes_of

A, B = stream(1), stream(2)
ONE: list[Indexes] = [(A, 7, 8)]
MANY: list[Indexes] = [(A, 0, 5), (B, 3, 4)]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def suspects(clock: Clock) -> Suspects:
    found = Suspects(clock)
    found.add(["run", "other"])
    return found


def die(suspects: Suspects, *deaths: Death, batch: list[Indexes] = ONE, others_work: bool = True) -> list[bool]:
    return [suspects.died("run", death, batch, others_work=others_work) for death in deaths]


def test_whoever_was_worked_on_is_suspect_until_its_batch_goes_through(suspects: Suspects) -> None:
    suspects.passed("run", {A: Position(delivered=5)})
    assert ("run" in suspects, "other" in suspects, "third" in suspects) == (False, True, False)


def test_a_batch_of_several_is_refused_at_once_for_that_blames_nobody(suspects: Suspects) -> None:
    for death in (Death.BY_ITSELF, Death.HUNG):
        assert die(suspects, death, batch=MANY) == [True]


def test_a_record_alone_is_refused_when_it_has_ended_a_host_twice(suspects: Suspects) -> None:
    assert die(suspects, *[Death.BY_ITSELF] * ENDED) == [False] * (ENDED - 1) + [True]


def test_a_record_in_hosts_that_hang_needs_more_of_them(suspects: Suspects) -> None:
    assert die(suspects, *[Death.HUNG] * FAILED) == [False] * (FAILED - 1) + [True]


def test_what_passes_in_between_starts_the_count_anew(suspects: Suspects) -> None:
    assert die(suspects, Death.BY_ITSELF) == [False]
    suspects.passed("run", {})
    assert die(suspects, Death.BY_ITSELF) == [False]


def test_deaths_with_another_record_do_not_count_for_this_one(suspects: Suspects) -> None:
    for index in range(5):
        assert die(suspects, Death.BY_ITSELF, batch=[(A, index, index + 1)]) == [False]


def test_a_batch_without_records_is_never_refused(suspects: Suspects) -> None:
    assert die(suspects, *[Death.BY_ITSELF] * 9, batch=[]) == [False] * 9


def test_what_was_refused_in_one_piece_is_suspect_until_all_of_it_is_behind(suspects: Suspects) -> None:
    assert die(suspects, Death.BY_ITSELF, batch=MANY) == [True]
    for positions in ({}, {A: Position(delivered=5)}, {A: Position(delivered=4), B: Position(delivered=4)}):
        suspects.passed("run", positions)
        assert "run" in suspects
    suspects.passed("run", {A: Position(delivered=5), B: Position(base=3, delivered=1)})
    assert "run" not in suspects


def test_who_has_had_a_record_refused_stays_alone_for_a_while(suspects: Suspects, clock: Clock) -> None:
    die(suspects, *[Death.BY_ITSELF] * ENDED)
    behind = {A: Position(delivered=100)}
    clock.now += PROBATION - 1
    suspects.passed("run", behind)
    assert "run" in suspects
    clock.now += 1
    suspects.passed("run", behind)
    assert "run" not in suspects


@given(
    st.lists(
        st.tuples(st.sampled_from(Death), st.booleans()).filter(lambda each: each[0] is Death.OUTSIDE or not each[1])
    ),
    st.sampled_from([ONE, MANY]),
)
def test_no_death_from_outside_or_with_others_that_fail_too_refuses_anything(
    deaths: list[tuple[Death, bool]], batch: list[Indexes]
) -> None:
    suspects = Suspects()
    assert not any(suspects.died("run", death, batch, others_work=work) for death, work in deaths)


@given(st.lists(st.sampled_from(Death), min_size=1, max_size=30))
def test_a_record_is_refused_exactly_when_enough_deaths_count(deaths: list[Death]) -> None:
    suspects, refused = Suspects(), False
    for death, so_far in zip(deaths, itertools.accumulate([each] for each in deaths), strict=True):
        refused = suspects.died("run", death, ONE, others_work=True)
        ended, hung = so_far.count(Death.BY_ITSELF), so_far.count(Death.HUNG)
        assert refused == (death is not Death.OUTSIDE and (ended >= ENDED or ended + hung >= FAILED))


def test_only_records_that_are_to_be_delivered_can_be_to_blame() -> None:
    whole = scalars(A, 0, 5)
    left_out = Delivery(A, scalars(A, 5, 6).stretch, Outcome.DEAD_LETTER)
    hole = Delivery(A, Hole(HoleName.DROPPED, 6, 9))
    assert indexes_of([whole, left_out, hole]) == [(A, 0, 5)]
