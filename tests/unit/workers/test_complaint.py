"""What is said of runs that stand still: the one that has for longest, how many more, and not too often."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from sitewire.schemas.subject import RunKey
from sitewire.workers import complaint
from sitewire.workers.complaint import FAILS_AFTER, LASTS, Complaint
from sitewire.workers.run_delivery import HANGS, RunDelivery
from sitewire.workers.trouble import Trouble
from sitewire.workers.way_back import MISSING

PATIENCE = 20.0


@dataclass
class Standing:
    """What is looked at of a run's delivery."""

    run: str
    fails: float | None = None
    attempts: float | None = None
    missing: float | None = None
    parked: bool = False
    messages: int = 1
    concluding: bool = False
    missing_since: float | None = None
    run_key: RunKey = field(init=False)
    trouble: Trouble = field(init=False)

    def __post_init__(self) -> None:
        now = time.monotonic()
        self.run_key = RunKey("clinic", self.run)
        self.trouble = Trouble("hq", self.run_key)
        if self.fails is not None:
            self.trouble.text, self.trouble.since = f"no {self.run}", now - self.fails
        if self.attempts is not None:
            self.trouble.attempt = now - self.attempts
        if self.missing is not None:
            self.missing_since = now - self.missing


def told(*runs: Standing) -> list[str]:
    """Return what is told of a look."""
    found: list[str] = []
    look(Complaint(found.append), *runs)
    return found


def look(complaint: Complaint, *runs: Standing) -> None:
    complaint.look([cast("RunDelivery", run) for run in runs], PATIENCE)


def test_the_run_that_has_failed_for_longest_is_named() -> None:
    runs = [Standing("a", FAILS_AFTER + 1), Standing("b", FAILS_AFTER + 2), Standing("c", FAILS_AFTER)]
    assert told(*runs) == ["run b of site clinic: no b (and 2 more)"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Standing("a"),
        lambda: Standing("a", FAILS_AFTER / 2),
        lambda: Standing("a", FAILS_AFTER, parked=True),
        lambda: Standing("a", FAILS_AFTER, messages=0),
        lambda: Standing("a", attempts=PATIENCE / 2, missing=PATIENCE / 2),
    ],
)
def test_one_that_goes_on_or_is_parked_or_has_nothing_waiting_is_not_named(make: Callable[[], Standing]) -> None:
    assert told(make()) == []


def test_one_whose_end_the_tracker_does_not_take_is_named() -> None:
    assert told(Standing("a", FAILS_AFTER, messages=0, concluding=True)) == ["run a of site clinic: no a"]


def test_one_that_hangs_or_waits_for_what_is_missing_is_named_too() -> None:
    assert told(Standing("a", attempts=PATIENCE)) == [f"run a of site clinic: {HANGS}"]
    assert told(Standing("a", missing=PATIENCE)) == [f"run a of site clinic: {MISSING}"]


def test_an_attempt_that_lasts_is_told_when_it_does_and_when_it_is_over_parked_or_not() -> None:
    hung: list[bool] = []
    complaint_of = Complaint(lambda _: None, hung.append)
    lasting = Standing("a", attempts=LASTS, parked=True)
    for runs in ((), (Standing("b", attempts=LASTS / 2),), (lasting,), (lasting,), ()):
        look(complaint_of, *runs)
    assert hung == [True, False]


def test_a_change_is_told_once_and_not_more_often_than_once_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    complaint_of = Complaint(found.append)
    bad = Standing("a", FAILS_AFTER)
    for runs in ((bad,), (bad,), (), (bad,), ()):
        look(complaint_of, *runs)
    assert found == ["run a of site clinic: no a"]
    monkeypatch.setattr(complaint, "PERIOD", 0.0)
    complaint_of = Complaint(found.append)
    for runs in ((), (bad,), (bad,), ()):
        look(complaint_of, *runs)
    assert found[1:] == ["run a of site clinic: no a", ""]
