"""What keys hold, whoever wrote them; since when they stand still; and whose process is gone for certain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.bucket import Entry
from sitewire.workers.outage import MOST_ROUTES, MOST_WHY, Outage
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.clock import now
from sitewire.workers.ownership.kernel import is_gone, this_kernel
from sitewire.workers.ownership.lease import (
    UnitLease,
    WorkerLease,
    decode_unit,
    decode_worker,
    encode,
)
from sitewire.workers.ownership.view import View, Watch, read_view

texts = st.text(max_size=20)
times = st.floats(0, 2**39)
worker_leases = st.builds(
    WorkerLease,
    texts,
    st.integers(0, 2**31),
    times,
    st.lists(st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)).map(tuple),
    st.booleans(),
    st.booleans(),
    texts,
    st.dictionaries(st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True), texts),
    st.dictionaries(st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True), st.builds(Outage, times, texts, times)),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(worker_leases)
def test_a_workers_value_is_read_as_it_was_written(value: WorkerLease) -> None:
    assert decode_worker(encode(value)) == value


@given(st.builds(UnitLease, texts, times, texts))
def test_a_units_value_is_read_as_it_was_written(value: UnitLease) -> None:
    assert decode_unit(encode(value)) == value


@given(
    st.binary()
    | st.fixed_dictionaries({}, optional=dict.fromkeys(asdict(WorkerLease()) | asdict(UnitLease()), json_values)).map(
        lambda v: json.dumps(v).encode()
    )
)
def test_whatever_is_written_there_stops_nobody(data: bytes) -> None:
    worker, unit = decode_worker(data), decode_unit(data)
    assert decode_worker(encode(worker)) == worker
    assert decode_unit(encode(unit)) == unit


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"[]", b"1", b'{"routes": ["NO", "a", 1]}', b"\xff"])
def test_values_that_are_none(data: bytes) -> None:
    assert decode_worker(data) == WorkerLease(routes=("a",) if b"routes" in data else ())
    assert decode_unit(data) == UnitLease()


def test_places_that_are_none_are_left_out() -> None:
    assert decode_worker(b'{"places": {"a": "0", "b": 1, "NO": "2"}}').places == {"a": "0"}
    assert decode_worker(b'{"places": ["a"]}').places == {}


def test_what_is_said_of_a_place_is_read_as_it_was_written_and_bounded() -> None:
    said = WorkerLease(outages={"hq": Outage(1.5, "connection refused", 2.5)})
    assert decode_worker(encode(said)) == said
    assert decode_worker(b'{"outages": {"NO": {}, "a": 1, "b": {"since": -1, "why": 3}}}').outages == {
        "b": Outage(0.0, "", 0.0)
    }
    long = WorkerLease(outages={f"r{n}": Outage(1.5, "\U0001f525" * MOST_WHY, 2.5) for n in range(MOST_ROUTES)})
    assert decode_worker(encode(long)) == long, "or its worker would serve nothing"


def test_a_unit_is_free_when_the_key_of_its_owner_is_gone() -> None:
    entries = {
        "worker.x": Entry(encode(WorkerLease()), 1),
        "unit.a": Entry(encode(UnitLease("x")), 2),
        "unit.b": Entry(encode(UnitLease("y")), 3),
        "unit.c": Entry(b"garbage", 4),
        "other": Entry(b"", 5),
    }
    view = read_view(entries)
    assert [view.owner(unit) for unit in "abcd"] == ["x", None, None, None]
    assert view.revisions["unit.b"] == 3


class Times:
    """A watch, looked at in steps of a second."""

    def __init__(self, own: str = "") -> None:
        self.watch = Watch(own)
        self.now = 1000.0

    def look(self, seconds: float = 1, **revisions: int) -> list[str]:
        self.now += seconds
        view = View(
            dict.fromkeys(revisions, WorkerLease()),
            {},
            {f"worker.{name}": number for name, number in revisions.items()},
        )
        return self.watch.look(view, self.now)


def test_who_stands_still_for_a_lease_is_dead_and_not_before() -> None:
    times = Times()
    assert [times.look(x=1, y=number) for number in range(8)] == [[]] * 6 + [["x"]] * 2
    assert times.watch.due(times.now) == 0


def test_nobody_takes_itself_for_dead_or_hurries_because_it_cannot_renew() -> None:
    times = Times("x")
    for _ in range(8):
        assert times.look(x=1) == []
        assert times.watch.due(times.now) == lease.LEASE


def test_who_moves_in_the_last_moment_lives() -> None:
    times = Times()
    assert not any(times.look(x=1 if number < 6 else 2) for number in range(12))


def test_who_did_not_look_itself_for_long_begins_to_count_anew() -> None:
    times = Times()
    for _ in range(5):
        times.look(x=1)
    assert times.look(60, x=1) == []
    assert [bool(times.look(x=1)) for _ in range(6)] == [False] * 5 + [True]


def test_after_a_broker_that_was_away_everybody_has_a_whole_lease() -> None:
    times = Times()
    for _ in range(5):
        times.look(x=1)
    times.watch.forget()
    assert times.look(x=1) == []
    assert times.watch.due(times.now) == lease.LEASE


def test_the_clock_goes_on_and_never_back() -> None:
    first = now()
    assert now() >= first


def test_only_a_process_of_this_kernel_that_has_ended_is_gone_for_certain() -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    kernel = this_kernel() or "a name for where the system gives none"
    dead = WorkerLease("here", int(ended.stdout), kernel=kernel)
    assert is_gone(dead, kernel)
    assert not is_gone(replace(dead, pid=os.getpid()), kernel)
    assert not is_gone(replace(dead, pid=1), kernel)  # whether it may be signalled or not
    assert not is_gone(replace(dead, kernel="another"), kernel)
    assert not is_gone(replace(dead, kernel=""), "")
    for pid in (0, -1, 2**70):
        assert not is_gone(replace(dead, pid=pid), kernel)
