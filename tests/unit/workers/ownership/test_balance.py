"""Who is to own what: all who see the same decide the same, fairly, and move no more than they must."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.broker_config.names import PARTITIONS, consumer_name
from sitewire.workers.ownership.balance import assign, serves, share_of
from sitewire.workers.ownership.lease import RENEW, TRIMMER, UnitLease, WorkerLease
from sitewire.workers.ownership.view import View

ROUTES = ("a", "b", "c")
UNITS = (*(consumer_name(route, partition) for route in ROUTES for partition in range(PARTITIONS)), TRIMMER)

workers = st.builds(
    WorkerLease,
    routes=st.lists(st.sampled_from(ROUTES), unique=True).map(tuple),
    trims=st.booleans(),
    leaving=st.sampled_from([False, False, False, True]),
)


@st.composite
def views(draw: st.DrawFn) -> View:
    """Views of up to five workers; units of theirs, of the dead, and of none."""
    living = draw(st.dictionaries(st.sampled_from("vwxyz"), workers, min_size=1))
    holders = st.sampled_from([*living, "dead"])
    held = draw(st.dictionaries(st.sampled_from(UNITS), st.builds(UnitLease, worker=holders)))
    return View(living, held, {})


@given(views())
def test_every_unit_that_somebody_serves_gets_one_owner_who_serves_it(view: View) -> None:
    wanted = assign(view)
    able = {name: worker for name, worker in view.workers.items() if not worker.leaving}
    assert wanted.keys() == {unit for unit in UNITS if any(serves(worker, unit) for worker in able.values())}
    assert all(serves(able[owner], unit) for unit, owner in wanted.items())


@given(views())
def test_nobody_has_two_more_than_another_who_could_take_one_of_them(view: View) -> None:
    wanted = assign(view)
    loads = Counter(wanted.values())
    able = {name: worker for name, worker in view.workers.items() if not worker.leaving}
    for unit, owner in wanted.items():
        assert all(loads[owner] - loads[name] <= 1 for name, worker in able.items() if serves(worker, unit))


@given(views())
def test_from_one_view_no_two_take_a_unit_and_nobody_takes_what_another_has(view: View) -> None:
    shares = {name: share_of(name, view) for name in view.workers}
    taken = Counter(unit for share in shares.values() for unit in share.take)
    assert all(count == 1 for count in taken.values())
    for name, share in shares.items():
        assert all(view.owner(unit) in {None, name} for unit in share.take)
        assert all(view.owner(unit) == name for unit in share.give)
        assert not set(share.take) & set(share.give)
        assert not (view.workers[name].leaving and share.take)


@given(views())
def test_what_is_decided_comes_about_and_then_nothing_moves(view: View) -> None:
    for _ in range(4):  # what is given is free at the next look, and taken; and so it may go on a little
        shares = {name: share_of(name, view) for name in view.workers}
        given_up = {unit for share in shares.values() for unit in share.give}
        taken = {unit: UnitLease(name) for name, share in shares.items() for unit in share.take}
        view = View(
            view.workers, {unit: lease for unit, lease in view.units.items() if unit not in given_up} | taken, {}
        )
    assert assign(view) == {unit: view.owner(unit) for unit in assign(view)}
    for name in view.workers:
        assert not share_of(name, view).give


@pytest.mark.parametrize("count", range(1, 6))
def test_no_more_is_moved_than_fairness_asks_for_and_of_each_route_its_part(count: int) -> None:
    everything = WorkerLease(routes=ROUTES, trims=True)
    living = {f"w{number}": everything for number in range(count)}
    settled = View(living, {unit: UnitLease(owner) for unit, owner in assign(View(living, {}, {})).items()}, {})
    assert all(share_of(name, settled).give == () for name in living)
    joined = View({**living, "new": everything}, settled.units, {})
    moved = [unit for name in living for unit in share_of(name, joined).give]
    assert len(moved) == len(UNITS) // (count + 1)
    assert max(Counter(unit.split("-")[1] for unit in moved if unit != TRIMMER).values()) <= -(-len(moved) // 3) + 1


def test_who_leaves_keeps_what_it_has_until_it_gives_it_and_gets_nothing() -> None:
    able = WorkerLease(routes=("a",))
    view = View({"x": replace(able, leaving=True), "y": able}, {"route-a-p0": UnitLease("x")}, {})
    assert share_of("x", view).take == ()
    assert share_of("x", view).give == ("route-a-p0",)
    assert len(share_of("y", view).take) == PARTITIONS - 1


def test_a_unit_that_nobody_serves_any_more_stays_where_it_is() -> None:
    view = View({"x": WorkerLease(routes=("a",))}, {"route-old-p0": UnitLease("x")}, {})
    assert "route-old-p0" not in share_of("x", view).give


def test_many_routes_are_dealt_anew_while_a_lease_waits() -> None:
    routes = tuple(f"route{number}" for number in range(100))
    members = {f"worker{number:02}": WorkerLease(routes=routes, trims=True) for number in range(20)}
    units = [consumer_name(route, partition) for route in routes for partition in range(PARTITIONS)]
    alone = {unit: UnitLease("worker00") for unit in (*units, TRIMMER)}
    began = time.process_time()  # nothing else of a worker goes on meanwhile, the renewal least of all
    wanted = assign(View(members, alone, {}))
    assert time.process_time() - began < RENEW
    assert sorted(Counter(wanted.values()).values()) == [40] * 19 + [41]
