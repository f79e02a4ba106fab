"""What a tracker refuses for ever, as people meet it: listed, its neighbours delivered, sent again when mended."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from sitewire.workers.point import Point
from support.checker.trap import Trap
from support.checker.way import RETRYING
from support.lines import read_lines
from support.live import folder_of
from support.plugins.picky import PYTHONPATH
from support.product import PATIENCE, Process, Site, check_sums, site_in, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

CONFIG = """\
broker:
  embedded: {{port: {port}, store: store}}
collect: {{spool: spool}}
routes:
  strict:
    subjects: ["metrics.*.*.>"]
    sink: {{type: picky, dir: lines, refuses: refused}}
"""

STEPS = 50
TRAINER = f"""\
from sitewire.collectors.tensorboard import SummaryWriter

with SummaryWriter() as writer:
    for step in range({STEPS}):
        writer.add_scalar("loss", 1 / (step + 1), step)
        writer.add_scalar("odd name", step, step)
        writer.add_scalar("accuracy", 1 - 1 / (step + 1), step)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with site_in(tmp_path / "here", CONFIG) as site:
        (site.folder / "refused").write_text("odd name\n")
        yield site


@pytest.fixture
def up(here: Site) -> Process:
    """Everything runs, a trainer has been there, and the odd ones are dead letters."""
    up = here.start("up")
    trainer = here.program([sys.executable, "-c", TRAINER], site="clinic", run="job")
    assert trainer.wait() == 0, trainer.output
    here.drain()
    return up


def letters(here: Site) -> list[dict[str, Any]]:
    done = here.run("dlq", "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def written(here: Site) -> dict[str, list[int]]:
    """Return the steps of each name in the tracker, in the order of its files."""
    found: dict[str, list[int]] = {}
    for name, point in read_lines(folder_of(here.folder / "lines", "clinic", "job")):
        found.setdefault(name, []).append(point.step)
    return found


def row(here: Site) -> dict[str, Any]:
    (found,) = here.rows()
    check_sums(found)
    return found


def check_all_is_there_once(here: Site) -> None:
    here.drain()
    until(lambda: row(here)["dead_letters"] == 0, here.logs)
    assert written(here) == {name: list(range(STEPS)) for name in ("loss", "odd name", "accuracy")}
    found = row(here)
    assert (found["state"], found["delivered"], found["logged"]) == ("complete", 3 * STEPS + 2, 3 * STEPS + 2)
    assert letters(here) == []


def test_what_is_refused_for_ever_is_a_dead_letter_with_a_reason_and_its_neighbours_are_delivered(
    here: Site, up: Process
) -> None:
    assert written(here) == {name: list(range(STEPS)) for name in ("loss", "accuracy")}
    found = row(here)
    assert (found["state"], found["dead_letters"], found["delivered"]) == ("short", STEPS, 2 * STEPS + 2)
    listed = letters(here)
    assert [(item["what"], item["step"]) for item in listed] == [("odd name", str(step)) for step in range(STEPS)]
    assert listed[7]["reason"] == "no metric may be called 'odd name' (step 7)"
    table = here.run("dlq", "list").stdout
    assert table.count("odd name") == 2, "fifty of one kind are one line: its name, and the reason"
    assert f"{STEPS} letters; those of one kind are one line" in table
    (shown,) = json.loads(here.run("dlq", "show", str(listed[7]["id"]), "--json").stdout)
    assert shown["record"]["step"] == 7
    assert "error: BatchRefused" in here.run("dlq", "show", str(listed[7]["id"])).stdout
    status = json.loads(here.run("status", "--json").stdout)
    assert [item["dead_letters"] for item in status["routes"]] == [STEPS]
    assert up.stop() == 0


def test_mended_it_is_delivered_once_in_its_order(here: Site, up: Process) -> None:
    (here.folder / "refused").unlink()
    done = here.run("dlq", "retry", "--all")
    assert (done.returncode, done.stdout) == (0, f"{STEPS} sent again\n"), done.stderr
    check_all_is_there_once(here)
    assert here.run("dlq", "list").stdout == "no dead letters\n"
    assert up.stop() == 0


def test_what_is_dropped_stays_counted_and_what_is_not_there_is_said(here: Site, up: Process) -> None:
    first, second = (item["id"] for item in letters(here)[:2])
    done = here.run("dlq", "drop", str(first), str(second))
    assert (done.returncode, done.stdout) == (0, "2 dropped\n"), done.stderr
    assert here.run("dlq", "show", str(first)).returncode == 1
    again = here.run("dlq", "drop", str(first))
    assert (again.returncode, again.stdout, again.stderr) == (1, "0 dropped\n", f"no letter {first}\n")
    assert here.run("dlq", "drop", "--site", "clinic", "--all").stdout == f"{STEPS - 2} dropped\n"
    assert row(here)["dead_letters"] == STEPS
    assert up.stop() == 0


@pytest.mark.parametrize("action", ["show", "retry", "drop"])
def test_which_letters_are_meant_has_to_be_said(here: Site, action: str) -> None:
    done = here.run("dlq", action)
    assert done.returncode == 2
    assert "which letters?" in done.stderr


@pytest.mark.parametrize(("point", "times"), [*((point, 1) for point in RETRYING), (Point.LETTER_DELETED, 7)], ids=str)
def test_a_retry_that_is_killed_and_run_again_brings_each_record_once(
    here: Site, up: Process, point: Point, times: int
) -> None:
    (here.folder / "refused").unlink()
    trap = Trap.create(here.folder / "trap")
    trap.set(point, SIGKILL, times)
    killed = retry(here, trap)
    assert killed.wait() == -SIGKILL, killed.output
    assert len(letters(here)) > 0
    again = here.run("dlq", "retry", "--all")
    assert again.returncode == 0, again.stderr
    check_all_is_there_once(here)
    assert up.stop() == 0


def test_two_who_send_again_at_once_bring_each_record_once(here: Site, up: Process) -> None:
    (here.folder / "refused").unlink()
    trap = Trap.create(here.folder / "trap")
    both = [retry(here, trap) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0], [each.output for each in both]
    check_all_is_there_once(here)
    assert up.stop() == 0


@pytest.mark.parametrize("point", [Point.BATCH_WRITTEN, Point.BATCH_COMMITTED])
def test_a_worker_that_dies_over_a_retry_leaves_it_to_the_next(here: Site, up: Process, point: Point) -> None:
    (here.folder / "refused").unlink()
    assert up.stop() == 0
    broker = here.start("broker")
    until(lambda: here.run("dlq", "retry", "--all").stdout == f"{STEPS} sent again\n", here.logs, PATIENCE)
    trap = Trap.create(here.folder / "trap")
    trap.set(point, SIGKILL)
    program = (sys.executable, "-m", "support.checker.program")
    first = here.start("worker", program=program, SITEWIRE_TEST_TRAP=str(here.folder / "trap"))
    assert first.wait() == -SIGKILL, first.output
    worker = here.start("worker")
    check_all_is_there_once(here)
    assert worker.stop() == 0
    assert broker.stop() == 0


def retry(here: Site, trap: Trap) -> Process:
    """Start ``dlq retry --all`` in a process that the trap can catch."""
    assert not trap.caught
    program = (sys.executable, "-m", "support.checker.program")
    return here.start("dlq", "retry", "--all", program=program, SITEWIRE_TEST_TRAP=str(here.folder / "trap"))
