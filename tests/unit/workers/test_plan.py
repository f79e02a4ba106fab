"""The plan against a model that treats each index by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.sinks.contract import Delivery, Outcome

HIGHEST = 40
KEYS = tuple(StreamKey(f"{number:032x}", RecordClass.MEDIA) for number in range(2))
KINDS = (Kind.TEXT, Kind.HPARAMS, Kind.TEXT)

Line = list[Kind | HoleName]
"""What a writer has put at each index: every envelope of it tells of the same."""


@dataclass(frozen=True)
class Case:
    """One numbering."""

    line: Line
    committed: int | None
    base: int
    envelopes: list[Envelope]

    @property
    def start(self) -> int:
        return self.base if self.committed is None else self.committed


def record(key: StreamKey, index: int, kind: Kind) -> Record:
    return Record(kind, f"{key.writer}-{index}", "text", 0.0, index)


def envelope(key: StreamKey, line: Line, first: int, end: int) -> Envelope:
    records = tuple(record(key, at, kind) for at in range(first, end) if isinstance(kind := line[at], Kind))
    holes = [Hole(name, at, 1) for at in range(first, end) if isinstance(name := line[at], HoleName)]
    return Envelope(key.writer, key.record_class, first, records, tuple(_joined(holes)))


def _joined(holes: Sequence[Hole]) -> list[Hole]:
    joined: list[Hole] = []
    for hole in holes:
        if joined and joined[-1].name == hole.name and joined[-1].end == hole.first:
            joined[-1] = Hole(hole.name, joined[-1].first, joined[-1].count + hole.count)
        else:
            joined.append(hole)
    return joined


@st.composite
def cases(draw: st.DrawFn, key: StreamKey) -> Case:
    """Any set of envelopes of one numbering: overlaps, copies, gaps, in any order; and any position."""
    line = draw(st.lists(st.sampled_from([*KINDS, *HoleName]), min_size=HIGHEST, max_size=HIGHEST))
    ranges = draw(
        st.lists(st.tuples(st.integers(0, HIGHEST - 1), st.integers(1, 12)), min_size=1, max_size=8).map(
            lambda found: [(first, min(first + count, HIGHEST)) for first, count in found]
        )
    )
    envelopes = [envelope(key, line, first, end) for first, end in ranges]
    committed = draw(st.none() | st.integers(0, HIGHEST))
    return Case(line, committed, draw(st.integers(0, HIGHEST)), envelopes)


@given(st.tuples(*(cases(key) for key in KEYS)), st.sampled_from([{Kind.TEXT}, {Kind.TEXT, Kind.HPARAMS}, set()]))
def test_the_plan_is_what_each_index_by_itself_asks_for(found: tuple[Case, ...], held: set[Kind]) -> None:
    by_key = dict(zip(KEYS, found, strict=True))
    plan = plan_of(by_key, held)
    assert plan.duplicates == sum(duplicates(case) for case in found)
    for key, case in by_key.items():
        reach = model_reach(case)
        assert plan.next[key] == reach
        assert plan.missing.get(key) == model_missing(case, reach)
        expected = [(at, fate(case.line[at], held), text_of(key, case, at)) for at in range(case.start, reach)]
        assert [item for delivery in plan.deliveries if delivery.key == key for item in flat(delivery)] == expected


@given(cases(KEYS[0]), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(case: Case, random: Random) -> None:
    shuffled = list(case.envelopes)
    random.shuffle(shuffled)
    other = Case(case.line, case.committed, case.base, shuffled)
    first, second = plan_of({KEYS[0]: case}, set(Kind)), plan_of({KEYS[0]: other}, set(Kind))
    assert [item for d in first.deliveries for item in flat(d)] == [item for d in second.deliveries for item in flat(d)]
    assert (first.next, first.missing, first.duplicates) == (second.next, second.missing, second.duplicates)


@given(cases(KEYS[0]))
def test_a_plan_from_where_the_last_one_ended_writes_nothing_twice(case: Case) -> None:
    plan = plan_of({KEYS[0]: case}, set(Kind))
    again = Case(case.line, plan.next[KEYS[0]], case.base, case.envelopes)
    assert not plan_of({KEYS[0]: again}, set(Kind)).deliveries


def plan_of(found: Mapping[StreamKey, Case], held: set[Kind]) -> Plan:
    positions = {key: Position(base=case.committed) for key, case in found.items() if case.committed is not None}
    bases = {key: case.base for key, case in found.items() if case.committed is None}
    return make_plan(positions, bases, {key: case.envelopes for key, case in found.items()}, held.__contains__)


def covered(case: Case) -> set[int]:
    return {at for item in case.envelopes for at in range(item.first, item.end)}


def model_reach(case: Case) -> int:
    at = case.start
    while at in covered(case):
        at += 1
    return at


def model_missing(case: Case, reach: int) -> tuple[int, int] | None:
    above = [at for at in covered(case) if at > reach]
    return (reach, min(above)) if above else None


def duplicates(case: Case) -> int:
    """Indexes below the position, and those within reach that come more often than once."""
    reach = model_reach(case)
    within = [at for item in case.envelopes for at in range(item.first, item.end) if at < reach]
    return len(within) - len({at for at in within if at >= case.start})


def fate(what: Kind | HoleName, held: set[Kind]) -> Outcome | HoleName:
    if isinstance(what, HoleName):
        return what
    return Outcome.DELIVERED if what in held else Outcome.REFUSED


def text_of(key: StreamKey, case: Case, at: int) -> str | None:
    what = case.line[at]
    return record(key, at, what).name if isinstance(what, Kind) else None


def flat(delivery: Delivery) -> list[tuple[int, Outcome | HoleName, str | None]]:
    """Return index, fate and name of everything in a delivery, one by one."""
    stretch = delivery.stretch
    if isinstance(stretch, Span):
        return [(stretch.first + at, delivery.outcome, item.name) for at, item in enumerate(stretch.records)]
    return [(at, stretch.name, None) for at in range(stretch.first, stretch.end)]
