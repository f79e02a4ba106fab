"""The trimmer under load: routes of which one is slow, one has parked runs and one is new, and workers that are killed.

What a route has not committed stays, which every place shows: nothing of it may be missing. What all have goes.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from sitewire.deploy.accounting import RunRow
from sitewire.workers.trimmer.policy import limit
from support.config import write_config
from support.live import folder_of
from support.plugins.moody import PYTHONPATH, set_mood
from support.plugins.picky import PLUGINS
from support.pressure.outcome import Outcome
from support.pressure.scene import RUN_RECORDS, Scene, check_complete, eventually, finish, scene_in
from support.pressure.story import event_files, judge, lines, number_of
from support.product import Process, Trainer

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
SEED: Final = int(os.environ.get("SITEWIRE_TEST_SEED", random.randrange(10**6)))
BOUND: Final = (64 if FULL else 4) << 20  # bytes of the stream
RATE: Final = 40_000 if FULL else 10_000  # points a second of each process
MOST: Final = 3_000_000 if FULL else 40_000  # points of each run: a machine that is busy must not fall behind for ever
KILLS: Final = 12 if FULL else 2  # of workers in each phase
BETWEEN: Final = (0.5, 4.0) if FULL else (0.2, 1.0)  # seconds between two
HOURS: Final = 0.001  # 3.6 s: what is older goes
KEEPS: Final = {"share": "{share: 0.5}", "hours": f"{{share: 1.0, hours: {HOURS}}}"}

ROUTES: Final = """\
broker:
  embedded: {{port: {port}, store: store, max_bytes: BOUND}}
keep: KEEP
routes:
  lines:
    subjects: ["metrics.*.*.>"]
    sink: {{type: jsonl, dir: lines}}
  moody:
    subjects: ["metrics.*.*.>"]
    sink: {{type: moody, dir: moody, mood: mood}}
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
"""

LATE: Final = """\
  late:
    subjects: ["metrics.*.*.>"]
    start: beginning
    sink: {type: jsonl, dir: late}
"""

PLACES: Final = (("lines", lines), ("moody", lines), ("runs", event_files))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if FULL else 1500)]


class Workers:
    """Two workers, of which a random one dies now and then and has a successor."""

    def __init__(self, scene: Scene, rng: random.Random) -> None:
        self._scene = scene
        self._rng = rng
        self._all: list[Process] = [scene.work(), scene.work()]

    def kill_some(self) -> None:
        """Kill some, one after the other."""
        for _ in range(KILLS):
            time.sleep(self._rng.uniform(*BETWEEN))
            self._replace(self._rng.randrange(len(self._all)))

    def replace_all(self) -> None:
        """Kill all; their successors read the file as it is now."""
        for number in range(len(self._all)):
            self._replace(number)

    def _replace(self, number: int) -> None:
        self._all[number].kill()
        self._all[number] = self._scene.work()


@pytest.fixture
def keep(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def scene(tmp_path: Path, keep: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    monkeypatch.syspath_prepend(PLUGINS)  # who reads the config file here knows the sink too
    config = ROUTES.replace("BOUND", str(BOUND)).replace("KEEP", KEEPS[keep].replace("{", "{{").replace("}", "}}"))
    with scene_in(tmp_path / "here", config) as scene:
        yield scene


def hold(scene: Scene, workers: Workers) -> None:
    """Load with a slow route and a parked run, workers dying: the stream fills, and nothing of that is trimmed."""
    eventually(lambda: any(row.parked for row in scene.rows()), scene.site.logs)
    workers.kill_some()
    eventually(lambda: scene.stream().fullness > 0.8, scene.site.logs)
    workers.kill_some()
    stream = scene.stream()
    assert stream.bytes <= BOUND
    rows = scene.rows()
    assert any(row.parked for row in rows), rows
    assert min(row.pending for row in rows if row.route == "moody") > 0, rows


def mend(scene: Scene) -> float:
    """Let the slow one be fast and the parked ones be written; return when."""
    set_mood(scene.site.folder / "mood")
    (scene.site.logdir / "bad").unlink()
    return time.monotonic()


def is_trimmed(scene: Scene, keep: str) -> bool:
    """Whether what all have is gone, as far as it is to go."""
    stream = scene.stream()
    if keep == "share":
        return stream.first > 1 and stream.bytes <= limit(BOUND, 0.5) + BOUND // 8
    return stream.first > 1 and stream.bytes < BOUND // 2


def add_late(scene: Scene, workers: Workers) -> None:
    """A route that begins with the oldest that is there, made under load while workers die."""
    text = (scene.site.folder / "sitewire.yaml").read_text()
    write_config(scene.site.folder, text + LATE)
    workers.replace_all()
    eventually(lambda: any(row.route == "late" and row.delivered for row in scene.rows()), scene.site.logs)
    workers.kill_some()


def check_late(scene: Scene, trainers: Sequence[Trainer], rows: Sequence[RunRow]) -> int:
    """Assert that the new route has all from the oldest kept on, and that its receipts name the rest; return that."""
    expired = 0
    for trainer in trainers:
        (row,) = (row for row in rows if (row.run, row.site) == (trainer.run, trainer.site))
        first = next(iter(lines(folder_of(scene.site.folder / "late", trainer.site, trainer.run))))
        verdict = judge(trainer, scene.site.folder / "late", lines)
        missing = verdict.lost
        assert verdict.excusing(missing).exact, verdict
        assert number_of(first) == missing, (first, missing)  # all of them are before the first that it has
        assert row.holes == ({"expired": row.gaps} if row.gaps else {}), row
        assert missing <= row.gaps <= missing + 1, (row, missing)  # the run's start may be gone too
        assert row.logged == trainer.journal.accepted + RUN_RECORDS == row.delivered + row.gaps, row
        expired += row.gaps
    return expired


@pytest.mark.parametrize("keep", list(KEEPS) if FULL else ["share"], indirect=True)
def test_what_a_route_has_not_committed_stays_and_what_all_have_goes(
    scene: Scene, keep: str, note: Callable[[str], None]
) -> None:
    print(f"SITEWIRE_TEST_SEED={SEED}")
    set_mood(scene.site.folder / "mood", "slow 0.002")
    scene.site.logdir.mkdir()
    (scene.site.logdir / "bad").touch()
    scene.serve()
    workers = Workers(scene, random.Random(SEED))
    trainers: list[Trainer] = []
    for number, site in enumerate(("clinic", "ward")):
        variables = {"SITEWIRE_EXIT_TIMEOUT": "600"}
        trainers += scene.train(MOST, ["bad", "good"], site=site, seed=1 + 10 * number, rate=RATE, **variables)
    hold(scene, workers)
    began = mend(scene)
    eventually(lambda: is_trimmed(scene, keep), scene.site.logs)
    trimmed = time.monotonic() - began
    add_late(scene, workers)
    eventually(lambda: is_trimmed(scene, keep), scene.site.logs)
    finish(trainers)
    rows = scene.until_done(4 * len(trainers))
    verdicts = [scene.judge(trainers, place, read) for place, read in PLACES]
    late = [row for row in rows if row.route == "late"]
    expired = check_late(scene, trainers, late)
    what = f"keep by {keep}, {BOUND >> 20} MiB, {2 * RATE} records/s, {3 * KILLS + 2} workers killed (seed {SEED})"
    more = f"{scene.stream().first - 1} messages trimmed; the new route had {expired} expired"
    note(str(Outcome(what, verdicts[0].beside(verdicts[1]).beside(verdicts[2]), trimmed, scene.memory, more)))
    assert all(verdict.exact for verdict in verdicts), verdicts
    for route in ("lines", "moody", "tb"):
        check_complete([row for row in rows if row.route == route], trainers)
    assert scene.stream().bytes <= BOUND
