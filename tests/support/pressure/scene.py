"""The processes of a campaign in one folder, by role, and what is asked of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final, TypeVar

from nats.aio.client import Client

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.load import load_config
from sitewire.deploy.accounting import RunRow, read_books
from sitewire.deploy.cli.runs import fetch
from sitewire.deploy.run_state import RunState
from sitewire.workers.trimmer.reading import StreamState, read_state
from support.pressure.memory import MemoryWatch, watched_memory
from support.pressure.story import Read, judge
from support.product import Process, Site, Trainer, site_in
from support.verdict import NOTHING, Verdict

T = TypeVar("T")

RUN_RECORDS: Final = 2  # the start of a run and its end: no points, and in every route
LONG: Final = 600.0  # seconds for what takes some on an idle machine
LOOK: Final = 0.25  # seconds between two questions
ENDS: Final = frozenset({RunState.COMPLETE, RunState.SHORT, RunState.CRASHED})
STUCK: Final = 300.0  # seconds in which nothing at all is delivered, after which a worker is taken to be broken


class Scene:
    """Processes, of which the memory is watched by role: broker, worker, sidecar, trainer.

    Attributes:
        site: the folder.
        memory: of all.
    """

    def __init__(self, site: Site, memory: MemoryWatch) -> None:
        self.site = site
        self.memory = memory

    def serve(self) -> int:
        """Start the broker and declare what belongs into it, without a worker; return the server's process id."""
        broker = self.site.start("broker")
        eventually(lambda: self.site.run("broker", "apply").returncode == 0, self.site.logs)
        eventually(lambda: len(broker.children()) == 1, self.site.logs)  # the kernel may leave one out at a look
        server = min(broker.children())
        self.memory.add("broker", server)
        return server

    def work(self, *arguments: str, role: str = "worker", **variables: str) -> Process:
        """Start a worker."""
        worker = self.site.start("worker", *arguments, **variables)
        self.memory.add(role, worker.pid)
        return worker

    def collect(self) -> Process:
        """Start a sidecar for the trainers that publish nothing."""
        sidecar = self.site.start("collect", "--spool", "spool", "--url", self.site.url)
        self.memory.add("sidecar", sidecar.pid)
        return sidecar

    def train(  # as Site.train_runs has it
        self, count: int, runs: Sequence[str], *, site: str, seed: int, rate: int = 0, **variables: str
    ) -> list[Trainer]:
        """Start a process that trains several runs, as ``Site.train_runs`` does."""
        trainers = self.site.train_runs(count, runs, site=site, seed=seed, rate=rate, **variables)
        self.memory.add("trainer", trainers[0].process.pid)
        return trainers

    def rows(self, config: str = "sitewire.yaml") -> list[RunRow]:
        """Return what ``runs`` says of the routes of a config file."""
        return asyncio.run(fetch(load_config(self.site.folder / config)))

    def stream(self) -> StreamState:
        """Return how full the metrics stream is."""
        return self.ask(read_state)

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask the broker."""

        async def asked() -> T:
            client = await connect(Endpoint(self.site.url), name="campaign")
            try:
                return await question(client)
            finally:
                await client.close()

        return asyncio.run(asked())

    def sent(self) -> int:
        """Return how many indexes the accounts say are stored, of all runs."""
        accounts = self.ask(read_books).accounts.values()
        told = [heard.account for writers in accounts for heard in writers.values()]
        return sum(counts.published for account in told for counts in account.classes.values())

    def until_sent(self, trainers: Sequence[Trainer], timeout: float = LONG) -> None:
        """Wait until all that these trainers have logged, and their ends, are stored."""
        due = sum(trainer.journal.accepted + RUN_RECORDS for trainer in trainers)
        eventually(lambda: self.sent() >= due, lambda: f"{self.sent()} of {due} sent\n{self.site.logs()}", timeout)
        assert self.sent() == due

    def until_done(self, rows: int, config: str = "sitewire.yaml", stuck: float = STUCK) -> list[RunRow]:
        """Wait until so many rows are done and their runs have ended; fail when nothing moves for ``stuck`` seconds."""
        most, moved = -1, time.monotonic()
        while True:
            found = self.rows(config)
            if len(found) == rows and all(row.state in ENDS and row.done and not row.untold for row in found):
                return found
            delivered = sum(row.delivered + row.gaps for row in found)
            if delivered > most:
                most, moved = delivered, time.monotonic()
            assert time.monotonic() - moved < stuck, f"nothing moves: {found}\n{self.site.logs()}"
            time.sleep(LOOK)

    def judge(self, trainers: Sequence[Trainer], place: str, read: Read) -> Verdict:
        """Return what has become of all that these trainers logged in a place."""
        return reduce(add, (judge(trainer, self.site.folder / place, read) for trainer in trainers), NOTHING)


def finish(trainers: Sequence[Trainer], timeout: float = LONG) -> None:
    """Have trainers log no more, and wait until their processes have ended in order."""
    for trainer in trainers:
        trainer.journal.stopping = True
    wait_for(trainers, timeout)


def wait_for(trainers: Sequence[Trainer], timeout: float = LONG) -> None:
    """Wait for trainers that end by themselves."""
    for trainer in trainers:
        assert trainer.process.wait(timeout) == 0, trainer.process.output


def check_complete(rows: Sequence[RunRow], trainers: Sequence[Trainer]) -> None:
    """Assert that the receipts say what the trainers' journals do: all delivered, no holes, the terms add up."""
    due = {(trainer.run, trainer.site): trainer.journal.accepted + RUN_RECORDS for trainer in trainers}
    assert {(row.run, row.site) for row in rows} == due.keys()
    for row in rows:
        logged = due[row.run, row.site]
        assert (row.logged, row.sent, row.delivered, row.gaps) == (logged, logged, logged, 0), row
        assert row.state is RunState.COMPLETE, row


def eventually(condition: Callable[[], object], what: Callable[[], str], timeout: float = LONG) -> None:
    """Wait for a condition that costs a connection to ask for; ``what`` says what was waited for in vain."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what()}"
        time.sleep(LOOK)


@contextmanager
def scene_in(folder: Path, config: str) -> Iterator[Scene]:
    """A folder of which every process ends with the block."""
    with site_in(folder, config) as site, watched_memory() as memory:
        yield Scene(site, memory)
