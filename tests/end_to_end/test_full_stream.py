"""A full stream, nobody who empties it, and a small spool: what each policy drops is named, and all else arrives.

The trainer says of each record whether it was stored when its log call returned; the ``jsonl`` files say of each index
whether it is a record or in a hole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sitewire.collectors.spool.directory import discover
from sitewire.collectors.spool.segment import numbers, read_header
from sitewire.schemas.subject import RunKey
from support.checker.tracker import TENSORBOARD
from support.points import point
from support.product import TESTS, Process, Site, check_sums, site_in, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CONFIG = """\
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

SEED = 7
AFTER = 2000  # points logged when there is room again

TRAINER = f"""
import pathlib, sys, time
from sitewire.collectors import Run
from support.points import scalar

least, drops, folder = int(sys.argv[1]), int(sys.argv[2]), pathlib.Path(sys.argv[3])
kept = bytearray()
run = Run()

def log():
    name, value, step, at = scalar({SEED}, len(kept))
    if kept:
        kept.append(writer.append_scalar(name, value, at, step))
    else:  # which opens the spool
        run.log_scalar(name, value, step, time=at)
        kept.append(True)

log()
writer = run._recorder.writer       # its calls say what became of them
longest = 0.0
while len(kept) < least or kept.count(False) < drops:
    begin = time.monotonic()
    log()
    longest = max(longest, time.monotonic() - begin)
    if len(kept) % 1000 == 0:
        time.sleep(0.01)
(folder / "full").write_text(str(longest))
while not (folder / "emptied").exists():
    time.sleep(0.05)
for _ in range({AFTER}):
    log()
(folder / "kept").write_bytes(kept)
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "here", CONFIG) as site:
        yield site


def start(here: Site, policy: str, least: int, drops: int) -> Process:
    arguments = [sys.executable, "-c", TRAINER, str(least), str(drops), str(here.folder)]
    variables = {"SPOOL_POLICY": policy, "SPOOL_BYTES": str(2 << 20), "EXIT_TIMEOUT": "60"}
    environ = {f"SITEWIRE_{name}": value for name, value in variables.items()}
    return here.program(arguments, site="clinic", run="job", PYTHONPATH=str(TESTS), **environ)


def fill(here: Site, policy: str, least: int, drops: int) -> Process:
    """Have a trainer log until stream and spool are full; nobody reads."""
    here.start("broker")
    until(lambda: here.run("broker", "apply").returncode == 0, here.logs)
    trainer = start(here, policy, least, drops)
    until((here.folder / "full").exists, here.logs)
    for row in here.rows():
        assert row["sent"] < row["logged"], row  # the publisher waits
        assert (row["state"], row["delivered"], row["gaps"]) == ("running", 0, 0), row
    assert trainer.running
    return trainer


def empty(here: Site, trainer: Process) -> None:
    """Have a worker deliver what there is, and the trainer go on and end."""
    worker = here.start("worker")
    until(lambda: min(row["delivered"] for row in here.rows()) > 1000, here.logs)
    until(lambda: max(row["logged"] - row["sent"] for row in here.rows()) == 0, here.logs)
    until(lambda: has_room(here), here.logs)
    (here.folder / "emptied").touch()
    assert trainer.wait() == 0, trainer.output
    here.drain()
    assert worker.stop() == 0, worker.output


def has_room(here: Site) -> bool:
    """Whether the next segment of the trainer's spool is there."""
    (writer,) = discover(here.spool)
    return any(not read_header(writer.path, number).begun for number in numbers(writer.path))


def fates(here: Site) -> tuple[dict[int, int], dict[int, str]]:
    """Return the records of the scalars by index, as numbers of points, and the holes; every index comes once."""
    records: dict[int, int] = {}
    holes: dict[int, str] = {}
    for line in _lines(here.folder / "lines" / "job" / "clinic"):
        first = line["index"]
        for index in range(first, first + line.get("count", 1)):
            assert index not in records
            assert index not in holes
            if "kind" in line:
                records[index] = _number(line)
            else:
                holes[index] = line["hole"]
    return records, holes


def _lines(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("scalars*.jsonl")):
        for text in path.read_text().splitlines():
            yield json.loads(text)


def _number(line: Mapping[str, Any]) -> int:
    name, found = point(SEED, line["index"])
    assert (name, found.step) == (line["name"], line["step"])
    index: int = line["index"]
    return index


@pytest.mark.parametrize(
    ("policy", "least", "drops", "longest"),
    [("drop_oldest", 120_000, 0, 1.5), ("drop_newest", 0, 20_000, 1.5), ("block", 0, 40, 1.5)],
)
def test_what_a_full_stream_and_spool_cost_is_named_and_everything_else_arrives(
    here: Site, policy: str, least: int, drops: int, longest: float
) -> None:
    trainer = fill(here, policy, least, drops)
    assert float((here.folder / "full").read_text()) < longest  # of all log calls while there was no room
    empty(here, trainer)
    kept = (here.folder / "kept").read_bytes()
    records, holes = fates(here)
    assert sorted([*records, *holes]) == list(range(len(kept)))
    assert set(holes.values()) == {"dropped"}
    lost = {index for index, stored in enumerate(kept) if not stored}
    assert lost <= set(holes)
    if policy == "drop_oldest":
        assert len(holes) > 20_000  # what was stored, and went later, to make room
    else:
        assert lost == set(holes)
        assert len(lost) >= drops
    assert not holes.keys() & set(range(len(kept) - AFTER, len(kept)))
    check_trackers(here, records, holes)


def check_trackers(here: Site, records: Mapping[int, int], holes: Mapping[int, str]) -> None:
    """Assert that TensorBoard has the same points, and receipts the same counts."""
    shown = TENSORBOARD.show(here.folder, RunKey("clinic", "job"))
    assert sorted((name, at) for name, points in shown.items() for at in points) == sorted(
        point(SEED, index) for index in records
    )
    for row in here.rows():
        check_sums(row)
        assert row["state"] == "short", row
        assert row["holes"] == {"dropped": len(holes)}, row
        assert row["logged"] == row["sent"] == len(records) + len(holes) + 2, row  # begin and end of the run
        assert row["delivered"] == len(records) + 2, row
