"""When a place is tried: by a state machine of attempts that come back in any order, and case by case."""

from __future__ import annotations

import math

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sitewire.broker_config.backoff import Backoff
from sitewire.workers.circuit import IN_A_ROW, MOST_ALONE, MOST_PAUSE, PROBE_PATIENCE, Circuit, Permit, State
from sitewire.workers.errors import PlaceDown, Throttled


class Pauses(Backoff):
    """Pauses that are always as long as they may be."""

    def draw(self) -> float:
        pause, self._bound = self._bound, min(self._bound * 2, self.most)
        return pause


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def down() -> PlaceDown:
    return PlaceDown("connection refused")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def circuit(clock: Clock) -> Circuit:
    return Circuit(clock, Pauses(1.0, MOST_PAUSE))


def permit(circuit: Circuit) -> Permit:
    given = circuit.ask()
    assert given is not None
    return given


def state_of(circuit: Circuit) -> State:
    """Return its state: a type checker takes an attribute for unchanged by calls."""
    return circuit.state


def trip(circuit: Circuit) -> None:
    """Have it open."""
    for _ in range(IN_A_ROW):
        circuit.failed(permit(circuit), down())
    assert state_of(circuit) is State.OPEN


def test_it_opens_after_failures_in_a_row_and_not_before(circuit: Circuit) -> None:
    for _ in range(5):
        for _ in range(IN_A_ROW - 1):
            assert not circuit.failed(permit(circuit), down())
        circuit.worked(permit(circuit))
    assert state_of(circuit) is State.CLOSED
    trip(circuit)


def test_behind_the_pause_one_tries_and_the_others_follow_when_that_has_worked(circuit: Circuit, clock: Clock) -> None:
    trip(circuit)
    assert circuit.ask() is None
    assert circuit.left == 1.0
    clock.now += 1.0
    probe = permit(circuit)
    assert circuit.ask() is None
    assert circuit.worked(probe)
    assert [permit(circuit).probe for _ in range(2)] == [False, False]


def test_pauses_grow_to_a_bound_and_begin_anew_when_it_was_closed(circuit: Circuit, clock: Clock) -> None:
    trip(circuit)
    pauses = []
    for _ in range(6):
        pauses.append(circuit.left)
        clock.now += circuit.left
        circuit.failed(permit(circuit), down())
    assert pauses == [1.0, 2.0, 4.0, 8.0, MOST_PAUSE, MOST_PAUSE]
    clock.now += circuit.left
    circuit.worked(permit(circuit))
    trip(circuit)
    assert circuit.left == 1.0


def test_an_attempt_that_hangs_while_probing_keeps_nobody_from_the_next_and_may_still_close_it(
    circuit: Circuit, clock: Clock
) -> None:
    trip(circuit)
    clock.now += 1.0
    hanging = permit(circuit)
    clock.now += PROBE_PATIENCE - 0.1
    assert circuit.ask() is None
    clock.now += 0.1
    second = permit(circuit)
    assert not circuit.failed(hanging, down()), "it began long ago"
    assert state_of(circuit) is State.PROBING
    assert circuit.worked(hanging)
    assert not circuit.failed(second, down())
    assert state_of(circuit) is State.CLOSED


def test_what_began_before_it_opened_neither_closes_it_nor_opens_it_again(circuit: Circuit, clock: Clock) -> None:
    early = [permit(circuit) for _ in range(10)]
    trip(circuit)
    assert not circuit.worked(early[0])
    assert state_of(circuit) is State.OPEN
    clock.now += 1.0
    circuit.worked(permit(circuit))
    assert not any(circuit.failed(each, down()) for each in early)
    assert state_of(circuit) is State.CLOSED


def test_a_probe_that_has_not_come_to_the_place_is_the_next_ones(circuit: Circuit, clock: Clock) -> None:
    trip(circuit)
    clock.now += 1.0
    circuit.returned(permit(circuit))
    assert state_of(circuit) is State.OPEN
    assert circuit.worked(permit(circuit))


def test_what_hung_and_is_given_back_late_leaves_the_present_probe_alone(circuit: Circuit, clock: Clock) -> None:
    trip(circuit)
    clock.now += 1.0
    hanging = permit(circuit)
    clock.now += PROBE_PATIENCE
    permit(circuit)
    circuit.returned(hanging)
    assert state_of(circuit) is State.PROBING
    assert circuit.ask() is None


@pytest.mark.parametrize(
    ("asked", "given"),
    [(7.5, 7.5), (0.0, 1.0), (None, 1.0), (-3.0, 1.0), (1e9, MOST_ALONE), (math.inf, MOST_ALONE), (math.nan, 1.0)],
)
def test_a_place_that_asks_is_left_alone_at_once_for_as_long_as_it_says_and_not_for_ever(
    circuit: Circuit, asked: float | None, given: float
) -> None:
    assert circuit.failed(permit(circuit), Throttled("429", asked))
    assert circuit.left == given


def test_nothing_that_works_meanwhile_shortens_the_time_that_was_asked_for(circuit: Circuit, clock: Clock) -> None:
    trip(circuit)
    clock.now += 1.0
    probe, began = permit(circuit), clock.now
    assert circuit.failed(Permit(0, probe=False), Throttled("429", 60.0))
    assert not circuit.worked(probe)
    clock.now += 59.0
    circuit.returned(probe)
    assert circuit.ask() is None
    clock.now = began + 60.0
    assert circuit.worked(permit(circuit))


class Attempts(RuleBasedStateMachine):
    """Attempts that hang for as long as they like, and what may be said of them at every moment."""

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.circuit = Circuit(self.clock, Pauses(1.0, MOST_PAUSE))
        self.running: list[Permit] = []
        self.left_alone = 0.0

    @rule(seconds=st.sampled_from([0.25, 0.5, 3.0, MOST_PAUSE, PROBE_PATIENCE, MOST_ALONE]))
    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule()
    def ask(self) -> None:
        before, left = self.circuit.state, self.circuit.left
        given = self.circuit.ask()
        if before is State.CLOSED:
            assert given is not None
            assert not given.probe
        else:
            assert (given is None) == (left > 0)
            assert given is None or self.clock.now >= self.left_alone
        if given is not None:
            self.running.append(given)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        one = self._one(data)
        closed = self.circuit.worked(one)
        if closed:
            assert one.probe
            assert self.clock.now >= self.left_alone

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        before = self.circuit.state
        one = self._one(data)
        self.circuit.failed(one, down())
        assert before is State.CLOSED or one.probe or self.circuit.state is before

    @precondition(lambda self: self.running)
    @rule(data=st.data(), seconds=st.none() | st.integers(0, 1000))
    def throttle(self, data: st.DataObject, seconds: float | None) -> None:
        self.circuit.failed(self._one(data), Throttled("429", seconds))
        self.left_alone = max(self.left_alone, self.clock.now + min(seconds or 0.0, MOST_ALONE))
        assert self.circuit.state is State.OPEN

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self.circuit.returned(self._one(data))

    @invariant()
    def nobody_waits_for_ever(self) -> None:
        assert self.circuit.left <= max(MOST_PAUSE, PROBE_PATIENCE, MOST_ALONE)

    def _one(self, data: st.DataObject) -> Permit:
        return self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))


TestAttempts = Attempts.TestCase
