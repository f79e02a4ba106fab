"""A tracker that is down for a while under load: what its worker holds meanwhile, and how soon all is there."""

from __future__ import annotations

import operator
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from support.behind import behind
from support.lines import counting_lines, read_lines
from support.live import Found, folder_of
from support.plugins.moody import PYTHONPATH, batches, set_mood
from support.points import Point
from support.product import Process, Site, Trainer, site_in, until

AWAY = float(os.environ.get("SITEWIRE_TEST_OUTAGE", "4"))  # seconds
MOST_BEHIND = 2.0  # seconds, of the neighbour
MOST_TO_CATCH_UP = 30.0  # seconds
RATES = [1_600, 10_000] if AWAY >= 30 else [1_600]  # records a second; only for long are the partitions full
MOST_MIB = 350  # resident, of the worker: two routes of eight partitions with 2 MiB of messages each
RUNS = [f"job-{number}" for number in range(16)]

CONFIG = """\
broker:
  embedded: {{port: {port}, store: store}}
collect: {{spool: spool}}
routes:
  well:
    subjects: ["metrics.*.*.>"]
    sink: {{type: jsonl, dir: lines}}
  moody:
    subjects: ["metrics.*.*.>"]
    sink: {{type: moody, dir: moody, mood: mood, flush_seconds: 1}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240 + 4 * AWAY)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with site_in(tmp_path / "here", CONFIG) as site:
        yield site


@pytest.mark.parametrize("rate", RATES)
def test_what_a_worker_holds_is_bounded_and_what_waits_is_caught_up_with(here: Site, rate: int) -> None:
    here.start("broker")
    worker = here.start("worker")
    trainers = here.train_runs(10**9, RUNS, site="clinic", seed=1, rate=rate)
    counts = {place: [_counting(here, place, run) for run in RUNS] for place in ("lines", "moody")}
    until(lambda: all(count() for place in counts.values() for count in place), here.logs)
    before = _peak_mib(worker)
    set_mood(here.folder / "mood", "down")
    with behind(trainers, lambda: [count() for count in counts["lines"]]) as watched:
        time.sleep(AWAY)
    held = _peak_mib(worker)
    if rate > RATES[0]:  # what is measured is memory; a machine that is busy otherwise may not keep up with both
        _finish(trainers)
    logged = [trainer.journal.accepted for trainer in trainers]
    missing = sum(logged) - sum(count() for count in counts["moody"])
    returned, began = time.time(), time.monotonic()
    set_mood(here.folder / "mood")
    until(lambda: all(map(operator.ge, (count() for count in counts["moody"]), logged)), here.logs, timeout=240)
    seconds = time.monotonic() - began
    sizes = [size for at, size in batches(here.folder / "mood") if returned <= at <= returned + seconds]
    print(
        f"down for {AWAY:g} s under {rate} records/s: {missing} records missing, there {seconds:.1f} s later in "
        f"{len(sizes)} batches of at most {max(sizes)}; the neighbour at most {watched.most:.2f} s behind meanwhile; "
        f"the worker's peak {before} MiB, {held} MiB while it was down, then {_peak_mib(worker)} MiB"
    )
    assert missing >= 0.9 * AWAY * rate
    assert _peak_mib(worker) < MOST_MIB
    if rate == RATES[0]:
        assert watched.most < MOST_BEHIND
        assert seconds < MOST_TO_CATCH_UP
        _finish(trainers)
    here.drain(timeout=240)
    for trainer in trainers:
        for place in counts:
            verdict = trainer.compare(_written(here, place, trainer.run))
            assert verdict.exact, f"{place}: {trainer.label}: {verdict}"
    assert worker.stop() == 0, worker.output


def _counting(here: Site, place: str, run: str) -> Callable[[], int]:
    return counting_lines(folder_of(here.folder / place, "clinic", run))


def _finish(trainers: Sequence[Trainer]) -> None:
    for trainer in trainers:
        trainer.journal.stopping = True
    trainers[0].finish()


def _peak_mib(process: Process) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10


def _written(here: Site, place: str, run: str) -> Found:
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for name, point in read_lines(folder_of(here.folder / place, "clinic", run)):
        found[name].append(point)
    return found
