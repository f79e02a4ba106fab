"""A stream that is smaller than what is logged: with a worker it is trimmed in time, without one the spools hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.workers.trimmer.reading import StreamState, read_state
from support.product import Site, check_sums, site_in, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BOUND = 4 * 1024 * 1024
POINTS = 120_000  # of one trainer: more than the bound
MOST_MEMORY = 250  # MiB of a process; what is logged is no part of it

CONFIG = """\
broker:
  embedded: {{port: {port}, store: store, max_bytes: 4194304}}
collect: {{spool: spool}}
routes:
  tb:
    subjects: ["metrics.*.*.>"]
    sink: {{type: tensorboard, logdir: runs}}
"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "here", CONFIG) as site:
        yield site


def stream_of(here: Site) -> StreamState:
    async def ask() -> StreamState:
        client = await connect(Endpoint(here.url), name="test")
        try:
            return await read_state(client)
        finally:
            await client.close()

    return asyncio.run(ask())


def peak_memory(pid: int) -> float:
    """Return the most memory that a process ever had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def check_all_delivered(here: Site) -> None:
    for row in here.rows():
        check_sums(row)
        assert (row["state"], row["gaps"]) == ("complete", 0), row
        assert row["delivered"] == POINTS + 2, row  # begin and end of the run


def test_a_stream_is_trimmed_while_trainers_log_several_times_its_bound_and_all_of_it_arrives(here: Site) -> None:
    everything = here.start("up")
    trainers = [here.train(POINTS, site=site, seed=seed) for seed, site in enumerate(("clinic", "ward"), 1)]
    for trainer in trainers:
        assert trainer.process.wait(120) == 0, trainer.process.output
    here.drain(120)
    for trainer in trainers:
        assert trainer.judge(here.logdir).exact, trainer.judge(here.logdir)
    stream = stream_of(here)
    assert stream.first > 1
    assert stream.bytes < BOUND
    check_all_delivered(here)
    assert peak_memory(everything.pid) < MOST_MEMORY
    assert everything.output.count("what every route has committed goes") == 1
    assert everything.stop() == 0


def test_while_there_is_no_worker_the_spool_holds_and_then_everything_arrives(here: Site) -> None:
    here.start("broker")
    until(lambda: here.run("broker", "apply").returncode == 0, here.logs)
    trainer = here.train(POINTS, rate=30_000)
    until(lambda: stream_of(here).fullness > 0.95, here.logs)
    status = " ".join(here.run("status").stdout.split())
    assert "% full" in status
    assert "held by route tb, partition" in status
    assert "which no worker has taken up" in status
    until(lambda: trainer.journal.accepted == POINTS, here.logs)
    assert peak_memory(trainer.process.pid) < MOST_MEMORY
    assert trainer.process.wait(60) == 0, trainer.process.output
    assert "records wait in" in trainer.process.output
    full = stream_of(here)
    assert full.first == 1
    assert json.loads(here.run("status", "--json").stdout)["room"]["holders"][0]["route"] == "tb"

    worker = here.start("worker")
    synced = here.run("sync", "spool", "--url", here.url, timeout=120)
    assert synced.returncode == 0, synced.stderr
    here.drain(120)
    assert trainer.judge(here.logdir).exact, trainer.judge(here.logdir)
    assert stream_of(here).first > 1
    check_all_delivered(here)
    assert peak_memory(worker.pid) < MOST_MEMORY
