"""SIGKILL of each process under load, a reader of TensorBoard looking on: every point once, in order, accounted for."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from support.live import LiveReader, folder_of, read_in_file_order, watching, watching_data_server
from support.points import points
from support.product import Process, Site, Trainer, check_sums, kill_process, until

KILLS = int(os.environ.get("SITEWIRE_TEST_KILLS", "2"))
"""Of each process; ``make faults`` sets the full number."""

RATE = 3000  # points a second of each trainer
ENOUGH = 10**9  # points: until told to stop

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 30 * KILLS)]


@dataclass
class Load:
    """Two trainers that log, and a live reader for each."""

    trainers: list[Trainer]
    readers: list[LiveReader]

    @property
    def visible(self) -> int:
        """Points that the live readers see."""
        return sum(len(points) for reader in self.readers for points in reader.last.values())

    def wait_for_more(self, here: Site) -> None:
        """Wait until a random number of further points is visible: whatever died has come back."""
        wanted = self.visible + random.randrange(200, 4000)
        until(lambda: self.visible >= wanted, lambda: f"{self.visible} of {wanted} points\n{here.logs()}")


def reloading(here: Site, trainer: Trainer) -> AbstractContextManager[LiveReader]:
    """Watch with TensorBoard's Python reader."""
    return watching(folder_of(here.logdir, trainer.site, trainer.run))


def data_server(here: Site, trainer: Trainer) -> AbstractContextManager[LiveReader]:
    """Watch with TensorBoard's data server."""
    folder = folder_of(here.logdir, trainer.site, trainer.run)
    return watching_data_server(here.logdir, str(folder.relative_to(here.logdir)))


@contextmanager
def load(here: Site, watch: Callable[[Site, Trainer], AbstractContextManager[LiveReader]]) -> Iterator[Load]:
    """Two sites log until the block ends; then everything has to be in TensorBoard, and in the books."""
    trainers = [here.train(ENOUGH, site=site, seed=seed, rate=RATE) for seed, site in enumerate(("a", "b. c"), 1)]
    with ExitStack() as stack:
        readers = [stack.enter_context(watch(here, trainer)) for trainer in trainers]
        yield Load(trainers, readers)
        for trainer in trainers:
            trainer.finish()
        synced = here.run("sync", "spool", "--url", here.url)  # what they could not send before they ended
        assert synced.returncode == 0, synced.stderr
        here.drain()
    for reader in readers:
        assert reader.reads
        assert not reader.complaints
    for trainer in trainers:
        check_exact(here, trainer)


def check_exact(here: Site, trainer: Trainer, state: str = "complete") -> None:
    """Each point once and in order, over all names too; the receipts of every route add up."""
    verdict = trainer.judge(here.logdir)
    assert verdict.exact, verdict
    in_file = read_in_file_order(folder_of(here.logdir, trainer.site, trainer.run))
    assert in_file == list(points(trainer.seed, len(in_file)))
    rows = [row for row in here.rows() if (row["site"], row["run"]) == (trainer.site, trainer.run)]
    assert len(rows) == 2
    for row in rows:
        check_sums(row)
        assert (row["state"], row["pending"], row["gaps"]) == (state, 0, 0), row
        # The start of the run, and its end if it had one.
        assert row["logged"] == row["sent"] == row["delivered"] == len(in_file) + 1 + (state == "complete"), row


@pytest.mark.parametrize("watch", [reloading, data_server])
def test_a_killed_worker_writes_nothing_twice_and_loses_nothing(
    here: Site, watch: Callable[[Site, Trainer], AbstractContextManager[LiveReader]]
) -> None:
    here.start("broker")
    worker = here.start("worker")
    with load(here, watch) as running:
        for _ in range(KILLS):
            running.wait_for_more(here)
            worker.kill()
            worker = here.start("worker")
        running.wait_for_more(here)


def test_a_killed_server_is_started_again_and_loses_nothing_that_it_acknowledged(here: Site) -> None:
    broker = here.start("broker")
    here.start("worker")
    with load(here, reloading) as running:
        for _ in range(KILLS):
            running.wait_for_more(here)
            until(broker.children, here.logs)  # it may not be back yet: the worker has work for a while
            kill_process(*broker.children())
        running.wait_for_more(here)


def test_a_killed_broker_command_can_be_started_again_at_once(here: Site) -> None:
    broker = here.start("broker")
    here.start("worker")
    with load(here, reloading) as running:
        for _ in range(KILLS):
            running.wait_for_more(here)
            broker.kill()
            broker = start_until_it_runs(here, "broker")
        running.wait_for_more(here)


def test_everything_on_one_machine_killed_at_once_comes_back_exact(here: Site) -> None:
    up = here.start("up")
    with load(here, reloading) as running:
        for _ in range(KILLS):
            running.wait_for_more(here)
            up.kill()
            up = start_until_it_runs(here, "up")
        running.wait_for_more(here)


@pytest.mark.parametrize("number", range(KILLS))
def test_a_killed_trainer_loses_nothing_that_a_log_call_returned_from(here: Site, number: int) -> None:
    up = here.start("up")
    trainer = here.train(ENOUGH, seed=7 + number)  # as fast as it can
    wanted = 1 + int(200_000 * random.random() ** 4)
    until(lambda: trainer.journal.accepted >= wanted, here.logs)
    trainer.process.kill()
    until(lambda: _crashed(here), here.logs)
    here.drain()
    check_exact(here, trainer, state="crashed")
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
