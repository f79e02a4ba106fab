"""SIGKILL of each process under load, a reader of TensorBoard looking on: every point once, in order, accounted for."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.checker.load import Load, load
from support.checker.scene import BOTH
from support.product import Process, Site, Trainer, check_sums, kill_process, until

KILLS = int(os.environ.get("SITEWIRE_TEST_KILLS", "1"))
"""Of each process; ``make faults`` sets the full number."""

RATE = 6000  # points a second of both trainers
ENOUGH = 10**9  # points: until told to stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180 + 30 * KILLS)]


@contextmanager
def two_sites(here: Site, *, served: bool = False) -> Iterator[Load]:
    """Two sites log until the block ends; then everything has to be in the trackers, and in the books."""
    with load(here, BOTH, "job", runs=2, rate=RATE, served=served) as running:
        yield running
        running.finish()
        synced = here.run("sync", "spool", "--url", here.url)  # what they could not send before they ended
        assert synced.returncode == 0, synced.stderr
    assert running.finding.exact, f"{running.finding}\n{here.logs()}"


def wait_for_more(running: Load) -> None:
    """Wait until a random number of further points is visible: whatever died has come back."""
    running.wait_until_visible(random.randrange(100, 2000))


def check_crashed(here: Site, trainer: Trainer) -> None:
    """Each point once and in order; the receipts of every route add up, and say how it ended."""
    verdicts = [tracker.judge(here.folder, trainer) for tracker in BOTH]
    assert all(verdict.exact for verdict in verdicts), verdicts
    rows = here.rows()
    assert len(rows) == 2
    for row in rows:
        check_sums(row)
        assert (row["state"], row["pending"], row["gaps"]) == ("crashed", 0, 0), row
        # The start of the run too, and no end.
        assert row["logged"] == row["sent"] == row["delivered"] == verdicts[0].delivered + 1, row


@pytest.mark.parametrize("served", [False, True], ids=["TensorBoard's reader", "its data server"])
def test_a_killed_worker_writes_nothing_twice_and_loses_nothing(here: Site, served: bool) -> None:
    here.start("broker")
    worker = here.start("worker")
    with two_sites(here, served=served) as running:
        for _ in range(KILLS):
            wait_for_more(running)
            worker.kill()
            worker = here.start("worker")
        wait_for_more(running)


def test_a_killed_server_is_started_again_and_loses_nothing_that_it_acknowledged(here: Site) -> None:
    broker = here.start("broker")
    here.start("worker")
    with two_sites(here) as running:
        for _ in range(KILLS):
            wait_for_more(running)
            until(broker.children, here.logs)  # it may not be back yet: the worker has work for a while
            kill_process(*broker.children())
        wait_for_more(running)


def test_a_killed_broker_command_can_be_started_again_at_once(here: Site) -> None:
    broker = here.start("broker")
    here.start("worker")
    with two_sites(here) as running:
        for _ in range(KILLS):
            wait_for_more(running)
            broker.kill()
            broker = start_until_it_runs(here, "broker")
        wait_for_more(running)


def test_everything_on_one_machine_killed_at_once_comes_back_exact(here: Site) -> None:
    up = here.start("up")
    with two_sites(here) as running:
        for _ in range(KILLS):
            wait_for_more(running)
            up.kill()
            up = start_until_it_runs(here, "up")
        wait_for_more(running)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_trainer_loses_nothing_that_a_log_call_returned_from(here: Site, number: int) -> None:
    up = here.start("up")
    trainer = here.train(ENOUGH, seed=7 + number)  # as fast as it can
    wanted = 1 + int(200_000 * random.random() ** 4)
    until(lambda: trainer.journal.accepted >= wanted, here.logs)
    trainer.process.kill()
    until(lambda: _crashed(here), here.logs)
    here.drain()
    check_crashed(here, trainer)
    assert up.stop() == 0, up.output


def _crashed(here: Site) -> bool:
    done = here.run("runs", "--json")
    return done.returncode == 0 and '"crashed"' in done.stdout


def start_until_it_runs(here: Site, command: str) -> Process:
    """As a service manager does: start again what ends with an error (the port and store of the old one may linger)."""
    process = here.start(command)
    is_up: Callable[[], bool] = lambda: here.run("status", timeout=20).returncode == 0  # noqa: E731
    while not is_up():
        if not process.running:
            process = here.start(command)
    return process
