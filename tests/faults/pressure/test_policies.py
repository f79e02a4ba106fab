"""A full stream, nobody who empties it, and small spools: what each policy drops is named, and all else arrives.

A site for each policy, and one whose spool holds all, at once. The trainers say of each record whether it was stored
when its log call returned; the ``jsonl`` files say of each index whether it is a record or in a hole.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.segment import numbers, read_header
from sitewire.deploy.run_state import RunState
from support.lines import in_order
from support.live import folder_of
from support.points import point
from support.pressure.outcome import Outcome
from support.pressure.scene import RUN_RECORDS, Scene, eventually, scene_in
from support.pressure.story import event_files, judge_story
from support.product import TESTS, Process
from support.verdict import NOTHING, Verdict

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
SPOOL: Final = (16 if FULL else 2) << 20  # bytes
AMPLE: Final = 1 << 30  # bytes: of the site whose spool holds all
LEAST: Final = 1_500_000 if FULL else 120_000  # points while there is no room, of those who do not count refused calls
DROPPED: Final = 20_000  # points at least
BLOCKED: Final = 400 if FULL else 40  # calls that wait for 50 ms each
LONGEST: Final = 1.5  # seconds of a log call: one waits for the disk to give room, up to one second
AFTER: Final = 2000  # points logged when there is room again
MOST_MIB: Final = 250  # resident, of a trainer

CONFIG: Final = """\
broker:
  embedded: {{port: {port}, store: store, max_bytes: 1048576}}
collect: {{spool: nobody}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
  lines:
    subjects: ["metrics.*.*.>"]
    sink: {{type: jsonl, dir: lines}}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200 if FULL else 900)]


@dataclass(frozen=True)
class Case:
    """A site: its policy is its name, but for the one whose spool is ample."""

    site: str
    policy: str
    spool: int
    least: int
    drops: int
    seed: int


CASES: Final = (
    Case("drop_oldest", "drop_oldest", SPOOL, LEAST, 0, 1),
    Case("drop_newest", "drop_newest", SPOOL, 0, DROPPED, 2),
    Case("block", "block", SPOOL, 0, BLOCKED, 3),
    Case("ample", "drop_oldest", AMPLE, LEAST // 2, 0, 4),
)


@dataclass(frozen=True)
class Site:
    """A case, its trainer, and the folder of its own book."""

    case: Case
    process: Process
    book: Path

    @property
    def kept(self) -> bytes:
        """A byte for each point: whether it was stored when its log call returned."""
        return (self.book / "kept").read_bytes()


def start(scene: Scene, case: Case) -> Site:
    book = scene.site.folder / f"book-{case.site}"
    book.mkdir()
    numbers = [str(number) for number in (case.seed, case.least, case.drops, AFTER)]
    variables = {"SPOOL_POLICY": case.policy, "SPOOL_BYTES": str(case.spool), "EXIT_TIMEOUT": "120"}
    environ = {f"SITEWIRE_{name}": value for name, value in variables.items()}
    arguments = [sys.executable, "-m", "support.pressure.keeping", *numbers, str(book)]
    name = f"trainer-{case.site}"
    process = scene.site.program(arguments, site=case.site, run="job", name=name, PYTHONPATH=str(TESTS), **environ)
    scene.memory.add(f"trainer {case.site}", process.pid)
    return Site(case, process, book)


def fill(scene: Scene) -> list[Site]:
    """Have trainers log until stream and spools are full; nobody reads."""
    scene.serve()
    sites = [start(scene, case) for case in CASES]
    eventually(lambda: all((site.book / "full").exists() for site in sites), scene.site.logs)
    for row in scene.rows():
        assert row.sent < row.logged, row  # the publisher waits
        assert (row.state, row.delivered, row.gaps) == (RunState.RUNNING, 0, 0), row
    assert all(site.process.running for site in sites)
    return sites


def empty(scene: Scene, sites: Sequence[Site]) -> float:
    """Have a worker deliver what there is, and the trainers go on and end; return the seconds until all was sent."""
    began = time.monotonic()
    worker = scene.work()
    eventually(lambda: _all_sent(scene), scene.site.logs)
    seconds = time.monotonic() - began
    eventually(lambda: all(map(_has_room, discover(scene.site.spool))), scene.site.logs)
    for site in sites:
        (site.book / "emptied").touch()
    for site in sites:
        assert site.process.wait(300) == 0, site.process.output
    scene.until_done(2 * len(sites))
    assert worker.stop() == 0, worker.output
    return seconds


def _all_sent(scene: Scene) -> bool:
    rows = scene.rows()
    return min(row.delivered for row in rows) > 1000 and max(row.logged - row.sent for row in rows) == 0


def _has_room(writer: WriterDirectory) -> bool:
    """Whether the next segment of a spool is there."""
    return any(not read_header(writer.path, number).begun for number in numbers(writer.path))


def fates(scene: Scene, site: Site) -> tuple[list[int], list[int]]:
    """Return the indexes of the records and those in holes; every index comes once, in order, as what was logged."""
    records: list[int] = []
    holes: list[int] = []
    due = 0
    for line in _lines(folder_of(scene.site.folder / "lines", site.case.site, "job")):
        assert line["index"] == due, line
        if "kind" in line:
            name, found = point(site.case.seed, due)
            assert (name, found.step) == (line["name"], line["step"])
            records.append(due)
        else:
            assert line["hole"] == "dropped", line
            holes += range(due, due + line["count"])
        due += line.get("count", 1)
    assert due == len(site.kept)
    return records, holes


def _lines(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in in_order(folder):
        with path.open() as file:
            for text in file:
                yield json.loads(text)


def check_holes(site: Site, holes: Sequence[int]) -> None:
    """Assert that the holes are what the policy says, by the trainer's own book."""
    kept = site.kept
    refused = [index for index, stored in enumerate(kept) if not stored]
    if site.case.site == "ample":
        assert not refused
        assert not holes
    elif site.case.policy == "drop_oldest":  # what was stored, and went later, to make room; and bursts
        assert set(refused) <= set(holes)
        assert len(holes) > DROPPED
    else:
        assert refused == list(holes)
        assert len(refused) >= site.case.drops
    assert not holes or holes[-1] < len(kept) - AFTER


def check_rows(scene: Scene, site: Site, records: int, holes: int) -> None:
    """Assert that the receipts say the same."""
    for row in (row for row in scene.rows() if row.site == site.case.site):
        assert row.state is (RunState.SHORT if holes else RunState.COMPLETE), row
        assert row.holes == ({"dropped": holes} if holes else {}), row
        assert row.logged == row.sent == records + holes + RUN_RECORDS, row
        assert row.delivered == records + RUN_RECORDS, row
        assert row.sent == row.delivered + row.filtered + row.refused + row.dead_letters + row.gaps + row.pending, row


def judge(scene: Scene, site: Site, records: Sequence[int], holes: int) -> Verdict:
    """Return what TensorBoard has, which is what the files have; what is in a named hole is not lost."""
    folder = folder_of(scene.site.logdir, site.case.site, "job")
    shown = list(event_files(folder))
    assert shown == [point(site.case.seed, index) for index in records]
    logged = len(site.kept)
    return judge_story(site.case.seed, shown, logged, logged).excusing(holes)


def test_what_a_full_stream_and_spool_cost_is_named_and_everything_else_arrives(
    tmp_path: Path, note: Callable[[str], None]
) -> None:
    with scene_in(tmp_path / "here", CONFIG) as scene:
        sites = fill(scene)
        longest = {site.case.site: float((site.book / "full").read_text()) for site in sites}
        seconds = empty(scene, sites)
        verdict, named = NOTHING, []
        for site in sites:
            records, holes = fates(scene, site)
            check_holes(site, holes)
            check_rows(scene, site, len(records), len(holes))
            verdict += judge(scene, site, records, len(holes))
            named.append(f"{site.case.site} {len(holes)}, a log call at most {longest[site.case.site]:.3f} s")
        what = f"a stream of 1 MiB full, spools of {SPOOL >> 20} MiB full behind it"
        note(str(Outcome(what, verdict, seconds, scene.memory, f"dropped and named: {'; '.join(named)}")))
        assert max(longest.values()) < LONGEST, longest
        peaks = scene.memory.peaks()
        assert max(most for role, most in peaks.items() if role.startswith("trainer")) < MOST_MIB, peaks
