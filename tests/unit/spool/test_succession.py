"""A writer that goes on with a run begins behind the last one, whatever the clock says."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.succession import successor
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.subject import new_writer

DAY = 86_400.0


def identity(started: float, *, run: str = "run", forked: bool = False) -> WriterIdentity:
    return WriterIdentity("site", run, new_writer(), started=started, forked=forked)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """A spool with a writer that began a minute ago and has ended."""
    SpoolWriter(tmp_path, identity(time.time() - 60)).finish()
    return tmp_path


def test_with_a_clock_that_is_right_it_begins_when_it_begins(spool: Path) -> None:
    now = time.time() + 1
    assert successor(spool, identity(now)).started == now
    assert successor(spool, identity(5.0, run="other")).started == 5.0
    assert successor(spool / "none", identity(5.0)).started == 5.0


@pytest.mark.parametrize("back", [3600.0, DAY, 20 * 365 * DAY])
def test_with_a_clock_that_was_set_back_it_begins_behind_the_last_sign_of_the_one_before(
    spool: Path, back: float
) -> None:
    (page,) = spool.glob("*/*/*/state")
    began = successor(spool, identity(time.time() - back)).started
    assert page.stat().st_mtime < began < page.stat().st_mtime + 1


def test_nor_does_it_before_one_whose_clock_was_ahead(spool: Path) -> None:
    ahead = time.time() + DAY
    SpoolWriter(spool, identity(ahead)).finish()
    assert successor(spool, identity(time.time())).started > ahead


def test_a_forked_one_and_what_cannot_be_read_are_let_be(spool: Path) -> None:
    assert successor(spool, identity(5.0, forked=True)).started == 5.0
    (page,) = spool.glob("*/*/*/state")
    (page.parent / "writer.json").rename(page.parent / "gone")
    page.unlink()
    assert successor(spool, identity(5.0)).started < time.time()
