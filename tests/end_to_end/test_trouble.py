"""What a trainer may do wrong and what may be wrong around it: a defined answer to each, and training goes on."""

from __future__ import annotations

import math
import socket
import sys

import pytest

from support.live import folder_of, read_points
from support.nats import free_port
from support.product import Process, Site, check_sums, until
from support.verdict import judge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BAD_CALLS = """\
import sys
from sitewire.collectors.tensorboard import SummaryWriter

writer = SummaryWriter()
for _ in range(50):                                  # counted each time, told once
    writer.add_scalar("array", [1.0, 2.0], 1)
    writer.add_scalar("step", 1.0, 2**63)
    writer.add_scalar("", 1.0, 1)
    writer.add_scalar("n" * 10_000, 1.0, 1)
    writer.add_scalar(None, 1.0, 1)
writer.add_scalar("nan", float("nan"), 1)
writer.add_scalar("inf", float("inf"), 2)
writer.add_scalar("-inf", float("-inf"), 3)
writer.add_scalar("no step", 1.0)
writer.add_scalar("no step", 2.0)
writer.add_scalar("before zero", 1.0, -1)
writer.add_scalar("/ . * > % =41 ü", 1.0, 2**63 - 1)
writer.close()
print("trained to the end")
"""

THREE_POINTS = """\
import time
from sitewire.collectors.tensorboard import SummaryWriter

begin = time.monotonic()
with SummaryWriter() as writer:
    for step in range(3):
        writer.add_scalar("loss", 1.0 / (step + 1), step)
print("trained to the end in", time.monotonic() - begin)
"""


def train(here: Site, program: str, timeout: float = 60, **variables: str) -> Process:
    """Run a trainer to its end; whatever is wrong, it must come to its last line and end well."""
    settings = {"site": "clinic", "run": "job", **variables}
    trainer = here.program([sys.executable, "-c", program], **settings)
    assert trainer.wait(timeout) == 0, trainer.output
    assert "trained to the end" in trainer.output
    assert "Traceback" not in trainer.output
    return trainer


def test_what_is_no_record_is_counted_and_told_once_and_the_odd_ones_arrive(here: Site) -> None:
    here.start("up")
    trainer = train(here, BAD_CALLS)
    here.drain()
    assert 0 < trainer.output.count("refused (") <= 5, trainer.output
    found = {
        name: [(point.step, point.value) for point in points]
        for name, points in read_points(folder_of(here.logdir, "clinic", "job")).items()
    }
    (nan,) = found.pop("nan")
    assert nan[0] == 1
    assert math.isnan(nan[1])
    assert found == {
        "inf": [(2, math.inf)],
        "-inf": [(3, -math.inf)],
        "no step": [(0, 1.0), (1, 2.0)],
        "before zero": [(-1, 1.0)],
        "/ . * > % =41 ü": [(2**63 - 1, 1.0)],
    }
    for row in here.rows():
        check_sums(row)
        assert (row["state"], row["logged"], row["refused_calls"]) == ("complete", 9, 250), row


@pytest.mark.parametrize("site", ["..", ".", "a/b", "~", "x" * 64])
def test_no_name_of_a_site_leads_out_of_the_folders(here: Site, site: str) -> None:
    here.start("up")
    train(here, THREE_POINTS, site=site, run="../..")
    here.drain()
    assert [point.step for point in read_points(folder_of(here.logdir, site, "../.."))["loss"]] == [0, 1, 2]
    assert {row["site"] for row in here.rows()} == {site}
    known = {"store", "spool", "runs", "lines", "sitewire.yaml", "up.log", "trainer.log"}
    assert {path.name for path in here.folder.iterdir()} == known
    assert {path.name for path in here.folder.parent.iterdir()} <= {"here", "home"}


@pytest.mark.parametrize("site", ["x" * 65, "ü" * 64])
def test_a_site_that_no_subject_can_hold_switches_collection_off_loudly(here: Site, site: str) -> None:
    trainer = train(here, THREE_POINTS, site=site)
    assert "sitewire is OFF, nothing is collected" in trainer.output
    assert not here.spool.exists()


def test_a_site_that_is_not_set_is_the_host(here: Site) -> None:
    here.start("up")
    train(here, "import os; del os.environ['SITEWIRE_SITE']\n" + THREE_POINTS)
    here.drain()
    assert {row["site"] for row in here.rows()} == {socket.gethostname()}


def test_what_was_refused_is_told_by_whoever_drains_a_trainer_that_published_nothing(here: Site) -> None:
    train(here, BAD_CALLS, SITEWIRE_PUBLISH="none")
    here.start("up")
    until(lambda: here.run("drain", "--timeout", "1").returncode == 0 and here.rows(), here.logs)
    assert {row["refused_calls"] for row in here.rows()} == {250}


def test_a_url_that_answers_nothing_costs_about_a_second_and_loses_nothing(here: Site) -> None:
    trainer = train(here, THREE_POINTS, timeout=20, SITEWIRE_URL=f"nats://127.0.0.1:{free_port()}")
    assert "5 records wait in" in trainer.output
    here.start("up")
    synced = here.run("sync", "spool", "--url", here.url)
    assert synced.returncode == 0, synced.stderr
    here.drain()
    assert len(read_points(folder_of(here.logdir, "clinic", "job"))["loss"]) == 3


def test_a_spool_that_cannot_be_written_is_told_once_and_training_goes_on(here: Site) -> None:
    blocked = here.folder / "a file"
    blocked.touch()
    trainer = train(here, THREE_POINTS, SITEWIRE_SPOOL=str(blocked / "spool"))
    assert trainer.output.count("the spool cannot be used") == 1


@pytest.mark.parametrize("command", ["up", "worker", "broker", "check", "runs", "status", "drain"])
def test_an_unknown_key_in_the_config_is_named_with_its_line_and_what_was_meant(here: Site, command: str) -> None:
    file = here.folder / "sitewire.yaml"
    lines = file.read_text().replace("logdir:", "log_dir:")
    file.write_text(lines)
    done = here.run(command)
    assert done.returncode == 78, done.stderr
    text = done.stderr + done.stdout
    number = next(at for at, line in enumerate(lines.splitlines(), 1) if "log_dir" in line)
    assert f"sitewire.yaml:{number}" in text
    assert "logdir" in text.replace("log_dir", "")


def test_drain_ends_with_one_while_something_is_missing_and_says_what(here: Site) -> None:
    broker = here.start("broker")
    train(here, THREE_POINTS, SITEWIRE_PUBLISH="none")
    done = here.run("drain", "--timeout", "1")
    assert done.returncode == 1
    assert "5 records of 1 writer wait in" in done.stderr
    assert broker.stop() == 0
    assert here.run("drain", "--timeout", "1").returncode == 1


def test_two_trainers_with_one_site_and_run_are_two_writers_of_one_run(here: Site) -> None:
    here.start("up")
    first, second = here.train(3000, seed=100), here.train(3000, seed=200)
    assert (first.process.wait(), second.process.wait()) == (0, 0)
    here.drain()
    found = read_points(folder_of(here.logdir, "clinic", "job"))
    assert sum(map(len, found.values())) == 6000
    for seed in (100, 200):
        times = range(int(1.7e9) + seed, int(1.7e9) + seed + 100)
        own = {name: [point for point in points if int(point.time) in times] for name, points in found.items()}
        assert judge(seed, own, 3000).exact
    (row,) = [row for row in here.rows() if row["route"] == "tb"]
    assert (row["state"], row["delivered"]) == ("complete", 6004), row
