"""Bisecting against a tracker that refuses any set of records, and an owner that dies at any step of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.bisecting import MOST_DEAD, Bisecting
from sitewire.workers.decisions import Decisions
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.progress import Progress

KEYS = tuple(StreamKey(f"{number:032x}", RecordClass.SCALARS) for number in range(1, 3))


class DiedError(Exception):
    """The owner was killed here."""


@dataclass
class World:
    """What outlives an owner: the tracker, the dead letters, the stream.

    Attributes:
        line: per numbering, what is at each index: a kind, or None for a hole.
        refuses: what the tracker never takes.
        deaths: whether to die at each of the steps to come.
        attempts: batches that were tried.
        says: the tracker names the record that it refuses.
    """

    line: dict[StreamKey, list[Kind | None]]
    refuses: set[tuple[StreamKey, int]]
    deaths: Iterator[bool] = field(default_factory=lambda: iter(()))
    letters: set[tuple[StreamKey, int]] = field(default_factory=set)
    fates: dict[tuple[StreamKey, int], Outcome | HoleName] = field(default_factory=dict)
    positions: dict[StreamKey, Position] = field(default_factory=dict)
    attempts: int = 0
    says: bool = False

    @cached_property
    def envelopes(self) -> dict[StreamKey, list[Envelope]]:
        return {key: _envelopes(key, line) for key, line in self.line.items()}

    def live(self) -> None:
        """Deliver everything, with as many owners as it takes."""
        while True:
            try:
                Owner(self).work()
            except DiedError:
                continue
            return

    def step(self) -> None:
        if next(self.deaths, False):
            raise DiedError

    def commit(self, deliveries: Sequence[Delivery]) -> None:
        progress = Progress(self.positions)
        for delivery in deliveries:
            progress.write(delivery)
            for index in range(delivery.stretch.first, delivery.stretch.end):
                assert (delivery.key, index) not in self.fates
                stretch = delivery.stretch
                self.fates[delivery.key, index] = stretch.name if isinstance(stretch, Hole) else delivery.outcome
        progress.commit()
        self.positions = dict(progress.committed)

    def named(self, deliveries: Sequence[Delivery]) -> tuple[StreamKey, int] | None:
        """Return which record is to blame, of a tracker that says so."""
        if not self.says:
            return None
        found = [at for at in sorted(self.refuses) for item in deliveries if _holds(item, at)]
        return found[-1]

    def refuse(self, deliveries: Sequence[Delivery]) -> bool:
        self.attempts += 1
        return any(
            (delivery.key, delivery.stretch.first + at) in self.refuses
            for delivery in deliveries
            if delivery.outcome is Outcome.DELIVERED and isinstance(delivery.stretch, Span)
            for at in range(len(delivery.stretch.records))
        )


def _holds(delivery: Delivery, at: tuple[StreamKey, int]) -> bool:
    key, index = at
    is_open = delivery.outcome is Outcome.DELIVERED and isinstance(delivery.stretch, Span)
    return is_open and key == delivery.key and delivery.stretch.first <= index < delivery.stretch.end


class Owner:
    """One life of a worker: what it knows is gone when it dies."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bisecting = Bisecting()
        self._decisions = Decisions()
        for key, index in world.letters:
            if key not in world.positions or index >= world.positions[key].next:
                self._decisions.refuse(key, index)

    def work(self) -> None:
        while (part := self._bisecting.part(self._plan())).deliveries:
            assert all(delivery.stretch.first < delivery.stretch.end for delivery in part.deliveries)
            self._world.step()
            if self._world.refuse(part.deliveries):
                self._refused(part)
                continue
            self._world.commit(part.deliveries)
            assert {key: self._world.positions[key].next for key in self._world.positions}.items() <= part.next.items()
            self._world.step()
            self._bisecting.passed(part)
            self._decisions.forget(self._world.positions)

    def _refused(self, part: Plan) -> None:
        culprit = self._bisecting.refused(part, self._world.named(part.deliveries))
        self._world.step()
        if culprit is not None:
            assert culprit.record.step == culprit.index
            self._world.letters.add((culprit.key, culprit.index))
            self._world.step()
            self._decisions.refuse(culprit.key, culprit.index)

    def _plan(self) -> Plan:
        envelopes = self._world.envelopes
        bases = dict.fromkeys(envelopes, 0)
        return make_plan(self._world.positions, bases, envelopes, lambda kind: kind is not Kind.TAG, self._decisions)


def _envelopes(key: StreamKey, line: list[Kind | None]) -> list[Envelope]:
    found: list[Envelope] = []
    for first in range(0, len(line), 7):
        part = line[first : first + 7]
        records = tuple(Record(kind, "x", 1.0, 0.0, first + at) for at, kind in enumerate(part) if kind is not None)
        holes = tuple(Hole(HoleName.DROPPED, first + at, 1) for at, kind in enumerate(part) if kind is None)
        found.append(Envelope(key.writer, key.record_class, first, records, holes))
    return found


kinds = st.sampled_from([Kind.SCALAR, Kind.SCALAR, Kind.SCALAR, Kind.TAG, None])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    line = {key: draw(st.lists(kinds, max_size=30)) for key in KEYS}
    refusable = [(key, at) for key in KEYS for at, kind in enumerate(line[key]) if kind is Kind.SCALAR]
    refuses = draw(st.sets(st.sampled_from(refusable)) if refusable else st.just(set[tuple[StreamKey, int]]()))
    return World(line, refuses, iter(draw(st.lists(st.booleans(), max_size=40))), says=draw(st.booleans()))


@given(worlds())
def test_what_is_refused_is_in_the_dead_letters_and_all_else_in_the_tracker_once_whoever_dies(world: World) -> None:
    world.live()
    expected: dict[tuple[StreamKey, int], Outcome | HoleName] = {}
    for key, line in world.line.items():
        for at, kind in enumerate(line):
            delivered = Outcome.DEAD_LETTER if (key, at) in world.refuses else Outcome.DELIVERED
            fates: dict[Kind | None, Outcome | HoleName] = {
                None: HoleName.DROPPED,
                Kind.TAG: Outcome.REFUSED,
                Kind.SCALAR: delivered,
            }
            expected[key, at] = fates[kind]
    assert world.fates == expected
    assert world.letters == world.refuses


@pytest.mark.parametrize(
    ("refused", "most"),
    [
        ({0}, 40),
        ({999}, 40),
        (set(range(0, 1000, 10)), 700),
        (set(range(1000)), 1100),
        (set(), 1),
    ],
    ids=["the first", "the last", "one in ten", "all", "none"],
)
def test_a_run_with_refused_records_does_not_crawl(refused: set[int], most: int) -> None:
    world = World({KEYS[0]: [Kind.SCALAR] * 1000}, {(KEYS[0], index) for index in refused})
    world.live()
    assert Counter(world.fates.values())[Outcome.DEAD_LETTER] == len(refused)
    assert world.attempts <= most


def test_a_position_moves_though_everything_is_refused() -> None:
    world = World({KEYS[0]: [Kind.SCALAR] * 1000}, {(KEYS[0], index) for index in range(1000)})
    world.deaths = iter([False] * 700 + [True])  # two steps a record, and one for each commit
    with pytest.raises(DiedError):
        Owner(world).work()
    assert len(world.letters) - world.positions[KEYS[0]].next <= MOST_DEAD


def test_a_tracker_that_refuses_a_batch_with_nothing_in_it_is_not_believed() -> None:
    part = Plan([Delivery(KEYS[0], Hole(HoleName.DROPPED, 0, 3))], {KEYS[0]: 3})
    with pytest.raises(ValueError, match="nothing was to be delivered"):
        Bisecting().refused(part)


def test_a_tracker_that_names_what_it_refuses_is_asked_once_for_each() -> None:
    world = World({KEYS[0]: [Kind.SCALAR] * 1000}, {(KEYS[0], index) for index in range(0, 1000, 10)}, says=True)
    world.live()
    assert world.attempts == 101
