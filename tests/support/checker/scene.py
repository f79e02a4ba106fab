"""A scene: a broker, workers that come, go, die and stop, and loads one after another."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from nats.aio.client import Client

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.deploy.workforce import read_workers
from support.checker.tracker import JSONL, TENSORBOARD, Tracker
from support.checker.trap import Trap
from support.product import TESTS, Process, Site, until

T = TypeVar("T")

PROGRAM: Final = (sys.executable, "-m", "support.checker.program")
BOTH: Final = (TENSORBOARD, JSONL)
FULL: Final = os.environ.get("SITEWIRE_TEST_POINTS") == "full"
"""Every case, and not only some: ``make faults``."""

LEASE: Final = 1.5  # seconds: a quarter of the product's, so that a case takes few of them
SHORT: Final = (
    f"sitewire.workers.ownership.lease:LEASE={LEASE}",
    f"sitewire.workers.ownership.lease:RENEW={LEASE / 3}",
    f"sitewire.workers.ownership.lease:LOOK={LEASE / 6}",
    "sitewire.workers.parking:PARK_AFTER=0.3",
    "sitewire.workers.run_delivery:TRY_AGAIN=0.3",
    "sitewire.workers.detour:MOVE_EVERY=0.02",
    "sitewire.workers.gaps:LOOK_AGAIN=0.3",
)
"""What a person would wait for, made short, in every module that has the name."""


class Scene:
    """Processes of one config file.

    Attributes:
        site: its folder.
        trackers: its routes.
        trap: where the next process is caught that gets there.
        broker: the process with the server.
        workers: those that run, or are stopped.
    """

    broker: Process

    def __init__(self, folder: Path, trackers: Sequence[Tracker], variables: Mapping[str, str]) -> None:
        self.trackers = trackers
        self.site = Site(folder, config_of_routes(trackers))
        self.trap = Trap.create(folder / "trap")
        self.workers: list[Process] = []
        self._variables = {"PYTHONPATH": str(TESTS), "SITEWIRE_TEST_TRAP": str(folder / "trap"), **variables}

    def start_broker(self) -> None:
        """Start it, on the store that is there, and declare what belongs into it."""
        self.broker = self.site.start("broker")
        until(lambda: self.site.run("broker", "apply").returncode == 0, self.site.logs)

    def keep(self, count: int) -> None:
        """Have so many workers run, those that run already first; the others are told to end, and waited for."""
        self.workers = [worker for worker in self.workers if worker.running]
        for worker in self.workers[count:]:
            assert worker.stop() == 0, worker.output
        while len(self.workers) < count:
            self.start_worker()
        del self.workers[count:]

    def start_worker(self) -> Process:
        """Start one more worker."""
        worker = self.site.start("worker", program=PROGRAM, **self._variables)
        self.workers.append(worker)
        return worker

    def wait_for_catch(self) -> Process:
        """Wait until a worker is in the trap, dead or stopped, and return it."""
        until(lambda: self.trap.caught, lambda: f"nobody in the trap\n{self.site.logs()}")
        caught = next(worker for worker in self.workers if worker.pid == self.trap.caught)
        until(lambda: caught.halted, self.site.logs)
        return caught

    def members(self) -> list[int]:
        """Return the process ids of the workers that the leases know."""
        return [worker.pid for worker in self.ask(read_workers).workers]

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask the broker."""

        async def asked() -> T:
            client = await connect(Endpoint(self.site.url), name="checker")
            try:
                return await question(client)
            finally:
                await client.close()

        return asyncio.run(asked())


@contextmanager
def scene(
    folder: Path,
    *,
    trackers: Sequence[Tracker] = BOTH,
    without: str = "",
    refused: str = "",
    constants: Sequence[str] = SHORT,
) -> Iterator[Scene]:
    """A broker in a folder, and no worker yet; every process ends with the block.

    Args:
        folder: of the config file.
        trackers: the routes.
        without: a guard that the workers are to do without.
        refused: a name; the trackers never take its point at step 20.
        constants: of the product, shorter for the workers.
    """
    variables = {"SITEWIRE_TEST_CONSTANTS": " ".join(constants)}
    if without:
        variables["SITEWIRE_TEST_BREAK"] = without
    if any("mlflow" in tracker.sink for tracker in trackers):
        variables["SITEWIRE_TEST_INSIDE"] = "mlflow"
    if refused:
        variables["SITEWIRE_TEST_REFUSE"] = refused
    made = Scene(folder, trackers, variables)
    try:
        made.start_broker()
        yield made
    finally:
        made.site.end()


def config_of_routes(trackers: Sequence[Tracker]) -> str:
    """Return a config file with a route to each; its port is to be filled in."""
    routes = [f'  {tracker.route}: {{subjects: ["metrics.*.*.>"], sink: {tracker.sink}}}' for tracker in trackers]
    text = "\n".join(["broker:", "  embedded: {port: PORT, store: store}", "routes:", *routes, ""])
    return text.replace("{", "{{").replace("}", "}}").replace("PORT", "{port}")
