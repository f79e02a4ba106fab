"""A burst of 300,000 records a second while the tracker takes a thousand, until it recovers: the worker stays small."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from support.lines import counting_lines
from support.live import folder_of
from support.plugins.moody import PYTHONPATH, set_mood
from support.plugins.picky import PLUGINS
from support.pressure.outcome import Outcome
from support.pressure.scene import Scene, check_complete, eventually, finish, scene_in
from support.pressure.story import lines
from support.product import Trainer

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
BURST: Final = 60.0 if FULL else 2.0  # seconds
RATE: Final = 300_000  # points a second of all trainers, as far as the machine gives it
TAKES: Final = 1_000  # points a second of the tracker, until it recovers
STAYS: Final = 60.0 if FULL else 2.0  # seconds behind the burst for which the tracker stays slow
PROCESSES: Final = 2
RUNS: Final = ("a", "b", "c")  # of each process
MOST_MIB: Final = 350  # resident, of the worker: eight partitions with 2 MiB of messages each, as Python objects
MOST_GROWTH: Final = 32.0  # MiB of the worker's own pages, the second half of the slow time over the first

CONFIG: Final = """\
broker:
  embedded: {{port: {port}, store: store}}
routes:
  moody:
    subjects: ["metrics.*.*.>"]
    sink: {{type: moody, dir: moody, mood: mood}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if FULL else 900)]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.syspath_prepend(PLUGINS)  # who reads the config file here knows the sink too
    with scene_in(tmp_path / "here", CONFIG) as scene:
        yield scene


def burst(scene: Scene) -> tuple[list[Trainer], float]:
    """Log what there is time for; return the trainers, told to stop, and the points a second that were accepted."""
    trainers: list[Trainer] = []
    for number in range(PROCESSES):
        variables = {"SITEWIRE_EXIT_TIMEOUT": "1200"}
        trainers += scene.train(
            10**9, RUNS, site=f"site-{number}", seed=1 + 10 * number, rate=RATE // PROCESSES, **variables
        )
    eventually(lambda: all(trainer.journal.accepted for trainer in trainers), scene.site.logs)
    began, before = time.monotonic(), logged(trainers)
    time.sleep(BURST)
    rate = (logged(trainers) - before) / (time.monotonic() - began)
    for trainer in trainers:
        trainer.journal.stopping = True
    return trainers, rate


def logged(trainers: Sequence[Trainer]) -> int:
    return sum(trainer.journal.accepted for trainer in trainers)


def written(scene: Scene, trainers: Sequence[Trainer]) -> int:
    """Return how many points the tracker has."""
    place = scene.site.folder / "moody"
    return sum(counting_lines(folder_of(place, trainer.site, trainer.run))() for trainer in trainers)


def test_a_burst_waits_in_the_broker_while_the_tracker_is_slow_and_is_caught_up_with(
    scene: Scene, note: Callable[[str], None]
) -> None:
    mood = scene.site.folder / "mood"
    set_mood(mood, f"slow {PROCESSES * len(RUNS) / TAKES}")
    scene.serve()
    scene.work()
    since = time.time()
    trainers, rate = burst(scene)
    finish(trainers, 1200)  # they end when the broker has it all
    sent = time.time() - since
    time.sleep(STAYS)  # what is tested is that nothing happens meanwhile
    taken = written(scene, trainers)
    grown = scene.memory.growth("worker", since, time.time())
    began = time.monotonic()
    set_mood(mood)
    rows = scene.until_done(len(trainers))
    seconds = time.monotonic() - began
    verdict = scene.judge(trainers, "moody", lines)
    more = (
        f"{taken} taken when the tracker recovered; all sent {sent:.1f} s after the first log call; the worker's own "
        f"pages {grown:+.0f} MiB from the first half of the slow time to the second; caught up at "
        f"{(verdict.accepted - taken) / seconds:,.0f} records/s"
    )
    note(str(Outcome(f"a burst of {BURST:g} s at {rate:,.0f} records/s", verdict, seconds, scene.memory, more)))
    assert verdict.exact, verdict
    check_complete(rows, trainers)
    assert taken < verdict.accepted / 2  # or nothing had to wait
    assert scene.memory.peaks()["worker"] < MOST_MIB, scene.memory
    assert not FULL or grown < MOST_GROWTH, scene.memory
