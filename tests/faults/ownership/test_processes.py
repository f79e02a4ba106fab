"""Worker processes that are killed or stopped while others work: followed in time, fenced, named by ``status``."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time

import pytest

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.deploy.workforce import Workforce, read_workers
from support.product import Process, Site, Trainer, check_sums, until

RATE = 300  # points a second of each trainer
ENOUGH = 10**9  # points: until told to stop
ROUTES = ("tb", "lines")
UNITS = 16  # partitions of them

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def test_what_a_killed_worker_had_is_taken_over_within_ten_seconds(here: Site) -> None:
    trainers = _work(here)
    survivor, victim = _two_workers(here)
    victim.kill()
    began = time.monotonic()
    until(lambda: _units(here) == {survivor.pid: UNITS}, here.logs, timeout=30)
    assert time.monotonic() - began < 10
    _check(here, trainers)


def test_a_worker_that_is_started_again_does_not_wait_for_its_own_lease(here: Site) -> None:
    trainers = _work(here)
    first = here.start("worker")
    until(lambda: _units(here) == {first.pid: UNITS}, here.logs)
    first.kill()
    second = here.start("worker")
    began = time.monotonic()
    until(lambda: _units(here) == {second.pid: UNITS}, here.logs)
    assert time.monotonic() - began < 5  # most of it is its start
    _check(here, trainers)


def test_a_stopped_worker_keeps_its_files_and_status_says_so(here: Site) -> None:
    trainers = _work(here)
    other, stopped = _two_workers(here)
    theirs = _units(here)[stopped.pid]
    os.kill(stopped.pid, signal.SIGSTOP)
    began = time.monotonic()
    until(lambda: _units(here) == {other.pid: UNITS}, here.logs, timeout=30)
    assert time.monotonic() - began < 10
    held = f"held by process {stopped.pid} on "
    until(lambda: len(_troubles(here)) == theirs, here.logs)
    assert all(held in trouble for trouble in _troubles(here))
    shown = here.run("status").stdout
    assert "8 of 8 partitions, 1 worker, " in shown
    assert shown.count(held) == 1
    assert f"{theirs} partitions of " in shown
    owners = [owner for route in json.loads(here.run("status", "--json").stdout)["routes"] for owner in route["owners"]]
    assert sum(held in owner["trouble"] for owner in owners) == theirs
    os.kill(stopped.pid, signal.SIGCONT)
    until(lambda: _are_shared(here, other, stopped), here.logs)
    until(lambda: not _troubles(here), here.logs)
    _check(here, trainers)


def test_a_stopped_worker_that_is_killed_is_followed_at_once(here: Site) -> None:
    trainers = _work(here)
    other, stopped = _two_workers(here)
    theirs = _units(here)[stopped.pid]
    os.kill(stopped.pid, signal.SIGSTOP)
    until(lambda: len(_troubles(here)) == theirs, here.logs, timeout=30)
    stopped.kill()
    until(lambda: not _troubles(here), here.logs, timeout=10)
    assert _units(here) == {other.pid: UNITS}
    _check(here, trainers)


def _work(here: Site) -> list[Trainer]:
    """Start the broker, and trainers of four sites, whose runs lie in several partitions."""
    here.start("broker")
    until(lambda: here.run("broker", "apply").returncode == 0, here.logs)
    return [here.train(ENOUGH, site=f"site-{seed}", seed=seed, rate=RATE) for seed in range(4)]


def _two_workers(here: Site) -> tuple[Process, Process]:
    workers = here.start("worker"), here.start("worker")
    until(lambda: _are_shared(here, *workers), here.logs)
    until(lambda: all(_locks(here, worker) == _units(here)[worker.pid] for worker in workers), here.logs)
    return workers


def _locks(here: Site, worker: Process) -> int:
    """Return how many locks a process was the last to sign: taken is not opened yet."""
    files = [*here.logdir.glob(".sitewire/*.lock"), *here.folder.glob("lines/.sitewire/*.lock")]
    return sum(f'"pid": {worker.pid},' in file.read_text() for file in files)


def _are_shared(here: Site, *workers: Process) -> bool:
    """Whether each has half of the partitions; who has the trimmer, which is a unit too, perhaps one less."""
    units = _units(here)
    least = min(units.get(worker.pid, 0) for worker in workers)
    return least >= UNITS // 2 - 1 and sum(units.values()) == UNITS


def _units(here: Site) -> dict[int, int]:
    """Return how many partitions each process has."""
    return {worker.pid: sum(unit.startswith("route-") for unit in worker.units) for worker in _workforce(here).workers}


def _troubles(here: Site) -> list[str]:
    found = _workforce(here)
    partitions = [partition for route in ROUTES for partition in found.partitions(route)]
    return [partition.trouble for partition in partitions if partition.trouble]


def _workforce(here: Site) -> Workforce:
    """Ask as ``status`` does, without a process for each look."""

    async def ask() -> Workforce:
        client = await connect(Endpoint(here.url), name="test")
        try:
            return await read_workers(client)
        finally:
            await client.close()

    return asyncio.run(ask())


def _check(here: Site, trainers: list[Trainer]) -> None:
    for trainer in trainers:
        trainer.finish()
    here.drain()
    for trainer in trainers:
        verdict = trainer.judge(here.logdir)
        assert verdict.exact, verdict
    rows = here.rows()
    assert len(rows) == 2 * len(trainers)
    for row in rows:
        check_sums(row)
        assert (row["state"], row["gaps"], row["pending"]) == ("complete", 0, 0), row
