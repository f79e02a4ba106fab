"""A stream that is full under load: publishers wait, spools hold, and when there is room all of it arrives in order."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import pytest

from support.pressure.outcome import Outcome
from support.pressure.scene import Scene, check_complete, eventually, finish, scene_in
from support.pressure.story import event_files, lines
from support.product import Trainer

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
BOUND: Final = (64 if FULL else 2) << 20  # bytes of the stream: some 28,000 records each MiB
RECORDS: Final = 6_000_000 if FULL else 72_000  # logged before anybody reads; twice as many in all
WAITING: Final = 30.0 if FULL else 2.0  # seconds at least that publishers wait
RATE: Final = 60_000 if FULL else 8_000  # points a second of each trainer: before it waits, meanwhile and after
MOST_MIB: Final = 250  # resident, of a trainer and of the sidecar; of the worker a little more
MOST_MIB_OF_A_WORKER: Final = 450
MOST_GROWTH: Final = 16.0  # MiB of own pages, of a trainer that waits; what it logs meanwhile is far more in full

CONFIG: Final = """\
broker:
  embedded: {{port: {port}, store: store, max_bytes: BOUND}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
  lines:
    subjects: ["metrics.*.*.>"]
    sink: {{type: jsonl, dir: lines}}
""".replace("BOUND", str(BOUND))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if FULL else 900)]


def start_trainers(scene: Scene) -> list[Trainer]:
    """Two sites that publish by themselves, and one that leaves it to a sidecar; two runs each."""
    scene.collect()
    found: list[Trainer] = []
    for number, (site, publish) in enumerate([("clinic", "thread"), ("ward", "thread"), ("lab", "none")]):
        variables = {"SITEWIRE_PUBLISH": publish, "SITEWIRE_EXIT_TIMEOUT": "300"}
        found += scene.train(RECORDS // 3, ["a", "b"], site=site, seed=1 + 10 * number, rate=RATE, **variables)
    return found


def logged(trainers: Sequence[Trainer]) -> int:
    return sum(trainer.journal.accepted for trainer in trainers)


def fill(scene: Scene, trainers: Sequence[Trainer]) -> tuple[int, float]:
    """Wait until the stream is full and so much is logged; return what waits, and since when publishers wait."""
    eventually(lambda: scene.stream().fullness > 0.95, scene.site.logs)
    since, stored = time.time(), scene.stream().messages
    eventually(lambda: logged(trainers) >= RECORDS and time.time() - since >= WAITING, scene.site.logs)
    full = scene.stream()
    assert full.first == 1
    assert full.bytes <= BOUND
    assert full.messages - stored < 200  # down to single records at the end, and then nothing
    for row in scene.rows():
        assert (str(row.state), row.delivered, row.gaps) == ("running", 0, 0), row
        assert row.sent < row.logged, row
    assert scene.memory.growth("trainer", since, time.time()) < MOST_GROWTH, scene.memory
    return logged(trainers) - scene.sent(), since


def catch_up(scene: Scene, trainers: Sequence[Trainer]) -> float:
    """Start a worker beside trainers that go on; return the seconds until all that was logged by then is delivered."""
    due, began = logged(trainers), time.monotonic()
    scene.work()

    def delivered() -> int:
        rows = scene.rows()
        return min(sum(row.delivered for row in rows if row.route == route) for route in ("tb", "lines"))

    eventually(lambda: delivered() >= due, scene.site.logs)
    return time.monotonic() - began


def test_while_a_stream_is_full_publishers_wait_and_spools_hold_and_then_all_arrives_in_order(
    tmp_path: Path, note: Callable[[str], None]
) -> None:
    with scene_in(tmp_path / "here", CONFIG) as scene:
        scene.serve()
        trainers = start_trainers(scene)
        waited, since = fill(scene, trainers)
        seconds = catch_up(scene, trainers)
        waiting = time.time() - since
        finish(trainers)
        rows = scene.until_done(2 * len(trainers))
        stream = scene.stream()
        verdict = scene.judge(trainers, "runs", event_files).beside(scene.judge(trainers, "lines", lines))
        what = f"a stream of {BOUND >> 20} MiB full for {waiting:.0f} s with {waited} records in the spools"
        note(str(Outcome(what, verdict, seconds, scene.memory, f"{stream.first - 1} messages trimmed")))
        assert verdict.exact, verdict
        check_complete(rows, trainers)
        assert stream.first > 1
        assert stream.bytes <= BOUND
        peaks = scene.memory.peaks()
        assert max(peaks["trainer"], peaks["sidecar"]) < MOST_MIB, peaks
        assert peaks["worker"] < MOST_MIB_OF_A_WORKER, peaks
