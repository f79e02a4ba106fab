"""A moment on disk is as long ago as it was, whatever becomes of the clock that people set."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sitewire.collectors.spool import moment as module
from sitewire.collectors.spool.cursor import Cursor, CursorFile
from sitewire.collectors.spool.moment import Moment

HOUR = 3600.0
JUMPS = [HOUR, -HOUR, 86_400.0, -86_400.0, 20 * 365 * 86_400.0, -20 * 365 * 86_400.0]
HORIZON = 600.0

jumps = pytest.mark.parametrize("jump", JUMPS)


@pytest.fixture(autouse=True)
def since_start(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The machine's start, and its clocks, which a test sets."""
    clocks = {"wall": 1.7e9, "uptime": 50_000.0, "boot": 7.0}
    monkeypatch.setattr(time, "time", lambda: clocks["wall"])
    monkeypatch.setattr(module, "uptime", lambda: clocks["uptime"])
    monkeypatch.setattr(module, "boot", lambda: int(clocks["boot"]))
    return clocks


def passes(clocks: dict[str, float], seconds: float) -> None:
    clocks["wall"] += seconds
    clocks["uptime"] += seconds


@jumps
def test_a_clock_that_is_set_makes_a_moment_neither_older_nor_younger(
    since_start: dict[str, float], jump: float
) -> None:
    moment = Moment.now()
    since_start["wall"] += jump
    passes(since_start, HORIZON - 1)
    assert not moment.is_past(HORIZON)
    passes(since_start, 1)
    assert moment.is_past(HORIZON)


@jumps
def test_behind_a_restart_it_is_past_as_soon_as_the_machine_has_run_for_so_long(
    since_start: dict[str, float], jump: float
) -> None:
    moment = Moment.now()
    since_start.update(boot=8.0, uptime=1.0)
    since_start["wall"] += jump
    assert not moment.is_past(HORIZON)
    passes(since_start, HORIZON)
    assert moment.is_past(HORIZON)


def test_without_a_number_of_the_start_the_clock_is_all_there_is(since_start: dict[str, float]) -> None:
    since_start["boot"] = 0.0
    moment = Moment.now()
    passes(since_start, HORIZON - 1)
    assert not moment.is_past(HORIZON)
    passes(since_start, 1)
    assert moment.is_past(HORIZON)


def test_never_is_not_past() -> None:
    assert not Moment().is_past(0.0)


def test_a_cursor_brings_it_to_the_disk_and_back(tmp_path: Path) -> None:
    file = CursorFile(tmp_path / "cursor")
    file.save(Cursor(drained=Moment(1.5, 2**32, 3.25)))
    assert file.load().drained == Moment(1.5, 2**32, 3.25)
