"""A broker that gets on in slices only, and a link that carries little: log calls take as long as ever, all arrives."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest

from support.journal import Journal
from support.links.link import Link, link_to
from support.links.weather import Way
from support.pressure.outcome import Outcome
from support.pressure.scene import Scene, check_complete, eventually, finish, scene_in
from support.pressure.slices import in_slices
from support.pressure.story import event_files
from support.pressure.timed import FREE, HINDERED, percentile, read_times, share
from support.product import TESTS, Trainer

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
SEED: Final = int(os.environ.get("SITEWIRE_TEST_SEED", random.randrange(10**6)))
PHASE: Final = 15.0 if FULL else 2.0  # seconds of each, by turns: free, hindered
TURNS: Final = 4 if FULL else 1
RATE: Final = 10_000  # points a second
NARROW: Final = 100_000  # bytes a second: a quarter of what is logged
MOST_MIB: Final = 450  # resident, of each process
MOST_GROWTH: Final = 24.0  # MiB of own pages, of a trainer while it is hindered: its notes are 8 bytes a call

SLOWER: Final = 2.0
"""So many times the p50 and p99 of free calls, and ``NOISE`` on top: two runs of one thing differ by as much here."""

NOISE: Final = {0.5: 10.0, 0.99: 1000.0}
"""Microseconds. Who waits for a broker waits for tens of milliseconds at least, in each call of a slice."""

WAITED: Final = 0.25
"""Of the time of a trainer, on top of twice what it spends in free calls: the broker stands still most of the time."""

CONFIG: Final = """\
broker:
  embedded: {{port: {port}, store: store}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900 if FULL else 600)]

Hinder = Callable[[Scene, int, Link], AbstractContextManager[object]]


def slices(_scene: Scene, server: int, _link: Link) -> AbstractContextManager[object]:
    return in_slices(server, SEED)


@contextmanager
def narrow(_scene: Scene, _server: int, link: Link) -> Iterator[None]:
    link.throttle(NARROW, Way.UP)
    try:
        yield
    finally:
        link.heal()


def start_trainer(scene: Scene, url: str) -> Trainer:
    """One run, by way of the link."""
    folder = scene.site.folder
    journal = Journal.create(folder / "journal")
    arguments = [sys.executable, "-m", "support.pressure.timed", str(RATE), str(folder / "journal"), "1", "job"]
    variables = {"SITEWIRE_URL": url, "SITEWIRE_EXIT_TIMEOUT": "300", "PYTHONPATH": str(TESTS)}
    process = scene.site.program([*arguments, str(folder)], site="clinic", run="job", **variables)
    scene.memory.add("trainer", process.pid)
    return Trainer(process, journal, 1, "clinic", "job")


def take_turns(scene: Scene, server: int, link: Link, hinder: Hinder) -> float:
    """Hinder the broker or the way to it, and let it be, by turns; return since when it is let be for good."""
    mark = scene.site.folder / HINDERED
    for _ in range(TURNS):
        time.sleep(PHASE)  # what is measured is what log calls take meanwhile
        mark.touch()
        with hinder(scene, server, link):
            time.sleep(PHASE)
        mark.unlink()
    return time.monotonic()


@pytest.mark.parametrize("hinder", [slices, narrow])
def test_log_calls_do_not_notice_a_broker_that_is_slow_and_all_arrives(
    tmp_path: Path, note: Callable[[str], None], hinder: Hinder
) -> None:
    print(f"SITEWIRE_TEST_SEED={SEED}")
    with scene_in(tmp_path / "here", CONFIG) as scene:
        server = scene.serve()
        scene.work()
        with link_to(int(scene.site.url.rpartition(":")[2])) as link:
            trainer = start_trainer(scene, link.url)
            eventually(lambda: trainer.journal.accepted > RATE // 2, scene.site.logs)
            since = time.time()
            let_be = take_turns(scene, server, link, hinder)
            grown = scene.memory.growth("trainer", since, time.time())
            finish([trainer])
        rows = scene.until_done(1)
        seconds = time.monotonic() - let_be
        verdict = scene.judge([trainer], "runs", event_files)
        calls = {kind: read_times(scene.site.folder, kind) for kind in (FREE, HINDERED)}
        told = [
            f"{kind} p50 {percentile(taken, 0.5):.1f} us, p99 {percentile(taken, 0.99):.0f} us, "
            f"max {taken[-1]:.0f} us, {share(taken, RATE):.1%} of the time"
            for kind, taken in calls.items()
        ]
        what = f"{hinder.__name__} for {TURNS} x {PHASE:g} s at {RATE} records/s (seed {SEED})"
        note(str(Outcome(what, verdict, seconds, scene.memory, f"log calls: {'; '.join(told)}")))
        assert verdict.exact, verdict
        check_complete(rows, [trainer])
        assert max(scene.memory.peaks().values()) < MOST_MIB, scene.memory.peaks()
        assert grown < MOST_GROWTH, grown
        for part, noise in NOISE.items():
            assert percentile(calls[HINDERED], part) < SLOWER * percentile(calls[FREE], part) + noise, told
        assert share(calls[HINDERED], RATE) < SLOWER * share(calls[FREE], RATE) + WAITED, told
