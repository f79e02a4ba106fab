"""Every order of steps, kills, stops and evictions of a few owners: exact as it is, and not with a rule taken out."""

from __future__ import annotations

from functools import partial

import pytest

from support.explorer import Explored, explore
from support.ownership_model import Rules, World, begin, over, steps, wrong

EXACT = {
    "lease and lock": Rules(),
    "lease and lock, three owners": Rules(owners=3, messages=1),
    "lease and receipts by compare-and-set": Rules(lock=False, receipt="by compare-and-set", messages=2),
    "the lock alone": Rules(lease=False, messages=2),
}
"""The lease is not what makes it exact: it says who is to work, so that one does, and who waits for a dead one."""

BROKEN = {
    "no lock": (Rules(lock=False), "double"),
    "acknowledged before the commit": (Rules(commit_first=False), "lost"),
    "positions read before the lock is held": (Rules(recover_last=False), "double"),
    "receipts replaced blindly": (Rules(lock=False, receipt="blindly"), "lost"),
}


def run(rules: Rules) -> Explored[World]:
    return explore(begin(rules), partial(steps, rules), wrong, partial(over, rules))


@pytest.mark.parametrize("rules", EXACT.values(), ids=EXACT)
def test_every_record_is_there_once_whatever_happens_and_can_always_still_arrive(rules: Rules) -> None:
    found = run(rules)
    assert not found.complaint, found.way
    assert found.stuck is None, found.way
    assert found.states > 1000


@pytest.mark.parametrize(("rules", "complaint"), BROKEN.values(), ids=BROKEN)
def test_a_rule_that_is_taken_out_is_missed(rules: Rules, complaint: str) -> None:
    found = run(rules)
    assert found.complaint == complaint, found.way


def test_the_shortest_way_to_a_double_without_a_lock_is_a_zombie_beside_its_successor() -> None:
    way = run(Rules(lock=False)).way
    assert "0 is taken for dead" in way
    assert way[-1].endswith("writes 0")
    assert len(way) == 13


def test_a_world_without_a_way_out_is_found() -> None:
    found = explore(0, lambda state: [("on", state + 1)] if state < 3 else [], lambda _: "", lambda state: state == 2)
    assert (found.stuck, found.way) == (3, ["on"] * 3)
