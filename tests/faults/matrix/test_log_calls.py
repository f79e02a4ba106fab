"""A trainer does not notice that its link is a black hole: what log calls cost with it, and without."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Final

import pytest

from support.call_times import read_times
from support.journal import Journal
from support.links.link import link_to
from support.matrix.row import FULL
from support.notes import NOTE
from support.product import TESTS, Site, site_in, until

RATE: Final = 2000  # calls a second
SECONDS: Final = 40.0 if FULL else 2.0
SEED: Final = 1
MORE: Final = 3.0  # times what a call costs otherwise: others use the machine too

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "here") as site:
        yield site


def test_log_calls_cost_in_a_black_hole_what_they_cost_otherwise(
    here: Site, record_property: Callable[[str, object], None]
) -> None:
    here.start("up")
    until(lambda: here.run("status").returncode == 0, here.logs)
    journal = Journal.create(here.folder / "journal")
    with link_to(int(here.url.rpartition(":")[2])) as link:
        arguments = [here.folder / "journal", here.folder / "times", RATE, SEED, "job"]
        program = [sys.executable, "-m", "support.call_times", *map(str, arguments)]
        trainer = here.program(program, site="clinic", run="job", SITEWIRE_URL=link.url, PYTHONPATH=str(TESTS))
        until(lambda: journal.accepted > RATE and link.accepted, here.logs)
        began = time.monotonic()
        time.sleep(SECONDS)  # what is measured goes on by itself
        link.hold()
        held = time.monotonic()
        time.sleep(SECONDS)
        ended = time.monotonic()
        link.heal()
        journal.stopping = True
        assert trainer.wait() == 0, trainer.output
    here.drain()
    times = read_times(here.folder / "times")
    before = quantiles([took for at, took in times if began < at < held], n=100)
    meanwhile = quantiles([took for at, took in times if held < at < ended], n=100)
    record_property(
        NOTE,
        f"a log call at {RATE}/s, without a black hole and in one of {SECONDS:g} s: "
        f"p50 {before[49] * 1e6:.1f} and {meanwhile[49] * 1e6:.1f} us, "
        f"p99 {before[98] * 1e6:.1f} and {meanwhile[98] * 1e6:.1f} us",
    )
    assert meanwhile[49] < MORE * before[49]
    if FULL:
        assert meanwhile[98] < MORE * before[98]
    (row,) = [row for row in here.rows() if row["route"] == "tb"]
    assert (row["state"], row["gaps"], row["delivered"]) == ("complete", 0, journal.accepted + 2), row
