"""A tracker in a bad mood: its neighbour in the same worker does not notice, and nothing is lost by it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.behind import behind
from support.lines import counting_lines, read_lines
from support.live import Found, folder_of
from support.plugins.moody import PYTHONPATH, set_mood, tries
from support.points import Point
from support.product import PATIENCE, SITEWIRE, Process, Site, check_sums, site_in, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

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
    sink: {{type: moody, dir: moody, mood: mood, flush_seconds: 0.2}}
"""

MOODS = ("hang open", "hang open_run", "hang write", "slow 0.03", "throttled 2", "down")
SECONDS = float(os.environ.get("SITEWIRE_TEST_MOOD", "1.5"))  # of each mood
RATE = 400  # records a second
SHORT = (
    "sitewire.deploy.cli.deadline:PATIENCE=3 sitewire.workers.route:STOP_TIMEOUT=1"
    " sitewire.workers.circuit:MOST_PAUSE=2"
)
PROGRAM = (sys.executable, "-m", "support.checker.program")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    with site_in(tmp_path / "here", CONFIG) as site:
        yield site


def mood(here: Site, name: str = "") -> None:
    set_mood(here.folder / "mood", name)


def written(here: Site, place: str, run: str = "job") -> Found:
    """Return what a place holds of a run, by name."""
    found: defaultdict[str, list[Point]] = defaultdict(list)
    for name, point in read_lines(folder_of(here.folder / place, "clinic", run)):
        found[name].append(point)
    return found


def status(here: Site) -> dict[str, Any]:
    done = here.run("status", "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {route["name"]: route for route in found["routes"]}


def rows(here: Site) -> dict[str, dict[str, Any]]:
    return {row["route"]: row for row in here.rows()}


def test_whatever_the_mood_of_a_tracker_its_neighbour_is_never_behind(here: Site) -> None:
    mood(here, MOODS[0])
    up = here.start("up")
    trainer = here.train(10**6, rate=RATE)
    lines = counting_lines(folder_of(here.folder / "lines", "clinic", "job"))
    until(lines, here.logs)
    most: dict[str, float] = {}
    for name in (*MOODS, ""):
        mood(here, name)
        with behind([trainer], lambda: [lines()]) as watched:
            time.sleep(SECONDS)
        most[name or "well"] = watched.most
    print({name: f"{seconds:.2f} s behind" for name, seconds in most.items()})
    assert max(most.values()) < 2.0, most
    trainer.finish()
    here.drain()
    for place in ("lines", "moody"):
        verdict = trainer.compare(written(here, place))
        assert verdict.exact, f"{place}: {verdict}"
    for row in here.rows():
        assert row["state"] == "complete"
        assert row["duplicates"] == 0
        check_sums(row)
    assert up.stop() == 0, up.output


def test_a_place_that_is_down_is_said_by_status_and_drain_and_logged_twice(here: Site) -> None:
    mood(here, "down")
    up = _start(here, "up")
    trainer = here.train(500)
    assert trainer.process.wait() == 0
    place = f"moody:{here.folder / 'moody'}"
    until(lambda: "takes nothing" in up.output, here.logs)
    while not (routes := status(here))["moody"]["outages"]:  # the worker says so within two seconds
        assert up.running, here.logs()

    (outage,) = routes["moody"]["outages"]
    assert outage["why"] == "the mood is down"
    assert 0 < time.time() - outage["since"] < PATIENCE
    assert outage["next_try"] < time.time() + 11
    assert routes["well"]["outages"] == []
    shown = here.run("status").stdout
    assert f"moody: {place} takes nothing since " in shown
    assert "): the mood is down; tried " in shown
    left = here.run("drain", "--timeout", "2")
    assert left.returncode == 1
    assert f"moody: {place} takes nothing since " in left.stderr
    row = rows(here)["moody"]
    assert row["pending"] == row["sent"] == 502

    mood(here)
    here.drain()
    assert trainer.compare(written(here, "moody")).exact
    until(lambda: not status(here)["moody"]["outages"], here.logs)  # said within two seconds, as above
    log = [line for line in up.output.splitlines() if "moody" in line and ("takes nothing" in line or "works" in line)]
    assert len(log) == 2, log
    assert "mood is down" not in up.output.replace(log[0], ""), "no line an attempt"
    assert up.stop() == 0, up.output


def test_a_run_that_ends_at_once_is_all_there_though_each_record_takes_30_ms(here: Site) -> None:
    mood(here, "slow 0.03")
    here.start("up")
    trainer = here.train(200)
    assert trainer.process.wait(10) == 0, "it does not wait for a tracker"
    shown, code = _drain_on_a_terminal(here)
    assert code == 0, shown
    assert "moody: job of clinic: 0 not sent, 20" in shown, "it says how much is left, and waits"
    assert "everything is delivered" in shown
    row = rows(here)["moody"]
    assert (row["state"], row["logged"], row["delivered"], row["pending"]) == ("complete", 202, 202, 0)
    assert trainer.compare(written(here, "moody")).exact


def _drain_on_a_terminal(here: Site) -> tuple[str, int]:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([str(SITEWIRE), "drain"], cwd=here.folder, stderr=theirs)
    os.close(theirs)
    shown = b"".join(_read_to_the_end(ours))
    os.close(ours)
    return shown.decode(), process.wait(PATIENCE)


def _read_to_the_end(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            yield os.read(terminal, 1000)
        except OSError:  # nobody has the other end any more
            return


def test_a_worker_of_which_a_write_hangs_ends_in_order_without_it(here: Site) -> None:
    broker = here.start("broker")
    worker = _start(here, "worker")
    trainer = here.train(10**6, rate=RATE)
    until(counting_lines(folder_of(here.folder / "moody", "clinic", "job")), here.logs)
    mood(here, "hang write")
    began = time.time()
    until(lambda: any(at > began for at in tries(here.folder / "mood", "write")), here.logs)
    trainer.finish()
    until(lambda: rows(here)["well"]["pending"] == 0, here.logs)

    began = time.monotonic()
    assert worker.stop() == 1, worker.output
    assert time.monotonic() - began < 15
    assert "hang; it ends without them" in worker.output
    assert status(here)["well"]["lag_messages"] == 0, "what was committed is acknowledged"

    mood(here)
    again = _start(here, "worker")
    here.drain()
    for place in ("lines", "moody"):
        assert trainer.compare(written(here, place)).exact
    assert again.stop() == 0, again.output
    assert broker.stop() == 0


def test_a_broker_beside_it_is_stopped_too_though_a_place_hangs_while_it_is_opened(here: Site) -> None:
    mood(here, "hang open")
    up = _start(here, "up")
    trainer = here.train(100)
    assert trainer.process.wait() == 0
    until(lambda: tries(here.folder / "mood", "open"), here.logs)
    (broker,) = up.children()
    assert up.stop() == 1, up.output
    assert not Path(f"/proc/{broker}").exists()
    mood(here)
    up = _start(here, "up")
    here.drain()
    assert trainer.compare(written(here, "moody")).exact
    assert up.stop() == 0, up.output


def _start(here: Site, command: str) -> Process:
    """Start a command of the product that loses patience soon."""
    return here.start(command, program=PROGRAM, SITEWIRE_TEST_CONSTANTS=SHORT, PYTHONPATH=PYTHONPATH)
