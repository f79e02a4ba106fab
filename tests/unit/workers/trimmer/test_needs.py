"""What is committed, against a model that knows every message and who has it behind him."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.names import PARTITIONS, consumer_name
from sitewire.schemas.subject import RunKey
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.trimmer.needs import Consumer, Need, NeedKind, committed, make_needs

LAST = 24
RUN = RunKey("clinic", "job")
sequences = st.integers(1, LAST)


@dataclass(frozen=True)
class Reader:
    """A consumer as the model has it: which messages it reads, and which of them it has acknowledged."""

    name: str
    start: int
    reads: frozenset[int]
    acknowledged: frozenset[int]
    slow_floor: bool

    @property
    def needed(self) -> set[int]:
        return {each for each in self.reads - self.acknowledged if each >= self.start}

    @property
    def seen(self) -> Consumer:
        """As the broker tells it: the floor is anywhere below the first message that is not acknowledged."""
        first = min(self.needed, default=LAST + 1)
        floor = max((each for each in self.reads if each < first), default=0) if self.slow_floor else first - 1
        floor = max(floor, self.start - 1)
        return Consumer(self.name, self.start, floor, min((each for each in self.reads if each > floor), default=None))


@st.composite
def readers(draw: st.DrawFn) -> list[Reader]:
    found: list[Reader] = []
    for route in draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True)):
        start = draw(st.integers(0, LAST))
        present = draw(st.sampled_from([range(PARTITIONS), range(PARTITIONS), range(1, PARTITIONS), range(1)]))
        for partition in present:
            reads = draw(st.frozensets(sequences, max_size=5))
            acknowledged = draw(st.sampled_from([reads, reads, draw(st.frozensets(sequences))]))
            name = consumer_name(route, partition)
            found.append(Reader(name, start, reads, acknowledged & reads, draw(st.booleans())))
    return found


def is_complete(route: str, readers: Iterable[Reader]) -> bool:
    names = {reader.name for reader in readers}
    return {consumer_name(route, partition) for partition in range(PARTITIONS)} <= names


def needed_by_model(readers: list[Reader], parked: dict[str, ParkedRun]) -> set[int]:
    """Return every sequence that somebody needs, found the long way."""
    if not readers and not parked:
        return set(range(1, LAST + 1))
    needed = {each for reader in readers for each in reader.needed}
    for reader in readers:
        route = reader.name.removeprefix("route-").rpartition("-")[0]
        if not is_complete(route, readers):
            needed |= set(range(max(reader.start, 1), LAST + 1))
    for run in parked.values():
        needed |= set(range(max(run.sequence, 1), LAST + 1))
    return needed


@given(readers(), st.lists(st.integers(0, LAST + 2), max_size=2))
def test_nothing_that_somebody_needs_is_committed_and_all_below_it_is(readers: list[Reader], parked: list[int]) -> None:
    entries = {parked_key("a", 0, RunKey("s", str(at))): ParkedRun(at, "x", 1.0) for at in parked}
    needed = needed_by_model(readers, entries)

    upto = committed(make_needs([reader.seen for reader in readers], entries), LAST)

    assert max(upto, 0) == min(needed, default=LAST + 1) - 1


def every(route: str, floor: int, waiting: int | None = None) -> list[Consumer]:
    return [Consumer(consumer_name(route, number), 0, floor, waiting) for number in range(PARTITIONS)]


def test_what_came_after_the_first_question_is_not_committed_though_nobody_waits() -> None:
    assert committed(make_needs(every("a", 100), {}), 90) == 90


def test_while_there_is_no_route_nothing_is_committed() -> None:
    needs = make_needs([], {})

    assert needs == (Need(NeedKind.NO_ROUTE, 0),)
    assert committed(needs, 90) <= 0


def test_a_parked_run_whose_entry_cannot_be_read_needs_everything() -> None:
    (need,) = make_needs(every("a", 90), {"nonsense": ParkedRun.decode(b"nonsense")})

    assert (need.kind, need.sequence, need.run) == (NeedKind.PARKED, 0, None)


def test_the_one_that_needs_the_oldest_message_comes_first_and_has_a_name() -> None:
    consumers = [*every("a", 90), *every("b", 50, 60)[:1], Consumer("route-Odd", 0, 6, 7)]
    parked = {parked_key("a", 3, RUN): ParkedRun(30, "no room", 1.0)}

    assert [(need.sequence, str(need)) for need in make_needs(consumers, parked)] == [
        (0, "route b, of which consumers are missing"),
        (7, "route route-Odd"),
        (30, "route a, partition 3, its parked run job of clinic"),
        (60, "route b, partition 0"),
    ]
