"""A scene: a broker, workers that come, go, die and stop, and loads one after another."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sitewire.workers.point import Point
from support.checker.tracker import JSONL, TENSORBOARD, Tracker
from support.checker.trap import Trap
from support.product import TESTS, Process, Site, until

PROGRAM: Final = (sys.executable, "-m", "support.checker.program")
BOTH: Final = (TENSORBOARD, JSONL)
LEASE: Final = 1.5  # seconds: a quarter of the product's, so that a case takes few of them
SHORT: Final = (f"sitewire.workers:LEASE={LEASE}", f"sitewire.workers:RENEW={LEASE / 3}")


class Scene:
    """Processes of one config file.

    Attributes:
        site: its folder.
        trackers: its routes.
        trap: where the next process is caught that gets there.
        workers: those that run, or are stopped.
    """

    def __init__(self, folder: Path, trackers: Sequence[Tracker], variables: Mapping[str, str]) -> None:
        self.trackers = trackers
        self.site = Site(folder, _config(trackers))
        self.trap = Trap.create(folder / "trap")
        self.workers: list[Process] = []
        self._variables = {"PYTHONPATH": str(TESTS), "SITEWIRE_TEST_TRAP": str(folder / "trap"), **variables}

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

    def kill_at(self, point: Point, times: int = 1) -> None:
        """Have the next worker killed that reaches a point."""
        self.trap.set(point, signal.SIGKILL, times)

    def stop_at(self, point: Point, times: int = 1) -> None:
        """Have the next worker stopped that reaches a point."""
        self.trap.set(point, signal.SIGSTOP, times)

    def wait_for_catch(self) -> Process:
        """Wait until a worker is in the trap, dead or stopped, and return it."""
        until(lambda: self.trap.caught, lambda: f"nobody in the trap\n{self.site.logs()}")
        caught = next(worker for worker in self.workers if worker.pid == self.trap.caught)
        until(lambda: caught.halted, self.site.logs)
        return caught


@contextmanager
def scene(
    folder: Path, *, trackers: Sequence[Tracker] = BOTH, without: str = "", constants: Sequence[str] = SHORT
) -> Iterator[Scene]:
    """A broker in a folder, and no worker yet; every process ends with the block.

    Args:
        folder: of the config file.
        trackers: the routes.
        without: a guard that the workers are to do without.
        constants: of the product, shorter for the workers.
    """
    variables = {"SITEWIRE_TEST_CONSTANTS": " ".join(constants)}
    if without:
        variables["SITEWIRE_TEST_BREAK"] = without
    made = Scene(folder, trackers, variables)
    try:
        made.site.start("broker")
        yield made
    finally:
        made.site.end()


def _config(trackers: Sequence[Tracker]) -> str:
    routes = [f'  {tracker.route}: {{subjects: ["metrics.*.*.>"], sink: {tracker.sink}}}' for tracker in trackers]
    text = "\n".join(["broker:", "  embedded: {port: PORT, store: store}", "routes:", *routes, ""])
    return text.replace("{", "{{").replace("}", "}}").replace("PORT", "{port}")
