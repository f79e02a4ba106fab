"""Index ranges that mean harm, through all that stands between a message and its commit: each index at most once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from sitewire.schemas import limits
from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.errors import MalformedEnvelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.arrival import Arrival
from sitewire.workers.holding import Holding
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.sinks.progress import Progress

RUN = RunKey("clinic", "job")
WRITER = "ab" * 16
KEY = StreamKey(WRITER, RecordClass.SCALARS)
SUBJECT = Subject(RUN, RecordClass.SCALARS, WRITER)
LAST = limits.MAX_INDEX
MOST = 2**64 - 1

edges = st.sampled_from([0, 1, 2**31, 2**53, 2**60, 2**61, LAST - 2, LAST - 1, LAST, LAST + 1, 2**63, MOST])
near = st.integers(0, 60)
firsts = near | edges | st.builds(lambda edge, less: max(edge - less, 0), edges, near)
counts = st.integers(1, 8) | edges
packed = pack_record(Record(Kind.SCALAR, "loss", 1.0, 1.7e9, 1))


@dataclass
class Wanted:
    """What an envelope says, before anybody has checked it."""

    first: int
    records: int
    holes: list[Hole] = field(default_factory=list)

    def encoded(self) -> bytes:
        """Return its bytes; what MessagePack has no number for becomes the largest that it has."""
        holes = [Hole(hole.name, min(hole.first, MOST), hole.count) for hole in self.holes]
        return encode_envelope(WRITER, RecordClass.SCALARS, self.first, [packed] * self.records, holes)


@st.composite
def anything(draw: st.DrawFn) -> Wanted:
    """Any first index, any number of records, any holes: most contradict each other."""
    names = st.sampled_from(list(HoleName))
    holes = draw(st.lists(st.builds(Hole, names, firsts, counts), max_size=4))
    return Wanted(draw(firsts), draw(st.integers(0, 6)), holes)


@st.composite
def sound(draw: st.DrawFn) -> Wanted:
    """An envelope that is sound, wherever it begins and however far its holes reach."""
    wanted = Wanted(draw(firsts), draw(st.integers(0, 6)))
    position = wanted.first
    for _ in range(draw(st.integers(0 if wanted.records else 1, 3))):
        position += draw(st.integers(0, wanted.records))
        count = draw(counts)
        wanted.holes.append(Hole(draw(st.sampled_from(list(HoleName))), position, count))
        position += count
    return wanted


@given(anything() | sound())
def test_what_is_read_covers_a_range_of_indexes_that_there_are(wanted: Wanted) -> None:
    try:
        envelope = decode_envelope(wanted.encoded(), SUBJECT)
    except MalformedEnvelope:
        return
    assert 0 <= envelope.first < envelope.end <= LAST
    stretches = list(envelope.stretches())
    assert [item.first for item in stretches] == [envelope.first, *(item.end for item in stretches[:-1])]
    assert stretches[-1].end == envelope.end


@given(st.lists(anything() | sound(), max_size=12))
@settings(max_examples=100)
def test_any_sequence_of_ranges_commits_each_index_at_most_once_in_order_and_adds_up(found: list[Wanted]) -> None:
    line = Line()
    for wanted in found:
        line.come(wanted)
        line.deliver()
        line.check()


class Line:
    """One numbering as its owner delivers it, without a broker and a tracker."""

    def __init__(self) -> None:
        self.holding = Holding()
        self.progress = Progress({})
        self.committed: list[tuple[int, int]] = []
        self.came = 0
        self.covered = 0
        self.duplicates = 0
        self.sequence = 0

    def come(self, wanted: Wanted) -> None:
        """Take a message as the consumer brings it; one that cannot be read is no envelope."""
        self.sequence += 1
        try:
            envelope = decode_envelope(wanted.encoded(), SUBJECT)
        except MalformedEnvelope:
            return
        self.came += 1
        self.put(envelope, size=len(wanted.encoded()))

    def put(self, envelope: Envelope, size: int) -> None:
        self.covered += envelope.end - envelope.first
        self.holding.hold([Arrival(SUBJECT.stored(0), self.sequence, RUN, envelope, size, None)])

    def deliver(self) -> Plan:
        """Write and commit what is next."""
        envelopes = [arrival.envelope for arrival in self.holding.held]
        plan = make_plan(self.progress.committed, {KEY: 0}, {KEY: envelopes} if envelopes else {}, {*Kind}.__contains__)
        for delivery in plan.deliveries:
            self.progress.write(delivery)  # which raises where one does not follow the other
            self.committed.append((delivery.stretch.first, delivery.stretch.end))
        self.progress.commit()
        self.duplicates += plan.duplicates
        self.holding.settle(plan.next)
        return plan

    def fill(self) -> None:
        """Declare gone what is missing, as the gap filler does at last."""
        missing = self.deliver().missing.get(KEY)
        if missing is not None:
            first, end = missing
            hole = Hole(HoleName.EXPIRED, first, end - first)
            self.put(Envelope(WRITER, RecordClass.SCALARS, first, (), (hole,)), size=0)
            self.deliver()

    def check(self) -> None:
        """Assert what must always hold."""
        position = self.progress.committed.get(KEY, Position())
        ends = [0, *(end for _, end in self.committed)]
        assert [first for first, _ in self.committed] == ends[:-1], "each index once, in order, none left out"
        assert position.next == ends[-1] <= LAST
        assert position.delivered + position.gaps == position.next
        held = [arrival.envelope for arrival in self.holding.held]
        assert all(envelope.end > position.next for envelope in held), "what is committed is held no more"
        assert len(held) <= self.came
        assert self.covered == position.next + self.duplicates + sum(item.end - item.first for item in held)


class Harm(RuleBasedStateMachine):
    """Messages, deliveries, failures and gaps in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()

    @rule(wanted=anything())
    def a_contradiction_comes(self, wanted: Wanted) -> None:
        self.line.come(wanted)

    @rule(wanted=sound())
    def a_range_comes(self, wanted: Wanted) -> None:
        self.line.come(wanted)

    @rule()
    def it_is_delivered(self) -> None:
        self.line.deliver()
        self.line.check()

    @rule()
    def what_is_missing_is_gone(self) -> None:
        self.line.fill()
        self.line.check()

    @rule()
    def its_owner_dies_and_the_next_one_goes_by_what_is_committed(self) -> None:
        self.line.progress = Progress(self.line.progress.committed)


TestHarm = Harm.TestCase
TestHarm.settings = settings(max_examples=40, stateful_step_count=20)


@given(st.lists(sound(), min_size=1, max_size=40))
@settings(max_examples=50)
def test_what_a_plan_costs_depends_on_the_records_and_not_on_the_indexes(found: Sequence[Wanted]) -> None:
    line = Line()
    for wanted in found:
        line.come(wanted)
    plan = line.deliver()
    records = sum(wanted.records for wanted in found)
    written = sum(len(item.stretch.records) for item in plan.deliveries if isinstance(item.stretch, Span))
    assert written <= records
    assert len(plan.deliveries) <= records + sum(len(wanted.holes) for wanted in found)
