"""A stand: the processes of a row, by role, under load."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from nats.aio.client import Client

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.schemas.subject import RunKey
from support.checker.scene import PROGRAM
from support.checker.tracker import Tracker
from support.config import write_config
from support.journal import Journal
from support.matrix.broker import Broker, Embedded
from support.matrix.lives import LivedRun, Program
from support.product import SITEWIRE, TESTS, Process, Site, until

T = TypeVar("T")

RUNS_APART: Final = 1000  # between the seeds of two runs
_seeds = itertools.count(1)


@dataclass(frozen=True)
class Plan:
    """What a stand is made of.

    Attributes:
        trackers: one route each.
        programs: trainers' processes; each is a site of its own.
        runs: of each of them.
        rate: points a second of all together.
        workers: how many.
        sidecars: how many; with none the trainers publish by themselves.
        trainer: environment of the trainers.
        worker: environment of the workers; ``SITEWIRE_TEST_BREAK`` takes a guard out of them.
    """

    trackers: Sequence[Tracker]
    programs: int = 2
    runs: int = 2
    rate: int = 1200
    workers: int = 1
    sidecars: int = 0
    trainer: Mapping[str, str] = field(default_factory=dict)
    worker: Mapping[str, str] = field(default_factory=dict)


class Stand:
    """Broker, workers, sidecars and trainers of one config file.

    Attributes:
        folder: of the config file.
        site: runs commands in it.
        rng: draws what a seed is to draw again.
        plan: what it is made of.
        broker: it.
        trainer_url: where trainers and sidecars go to; set it before the start to have them go another way.
        worker_url: the same of workers.
        programs: the trainers.
        workers, sidecars: those that are to run.
    """

    def __init__(self, folder: Path, plan: Plan, broker: Broker, rng: random.Random) -> None:
        self.folder, self.plan, self.broker, self.rng = folder, plan, broker, rng
        # ``Site`` fills in a port, and doubled braces stand for braces there.
        text = config_of(broker.section, plan.trackers).replace("{", "{{").replace("}", "}}")
        self.site = Site(folder, text)
        self.trainer_url = self.worker_url = broker.url
        self.programs: list[Program] = []
        self.workers: list[Process] = []
        self.sidecars: list[Process] = []
        if isinstance(broker, Embedded):
            broker.site = self.site

    @property
    def runs(self) -> list[LivedRun]:
        """Of all trainers."""
        return [run for program in self.programs for run in program.runs]

    def start(self) -> None:
        """Start everything, the broker first."""
        self.broker.start()
        until(lambda: self.site.run("broker", "apply").returncode == 0, self.site.logs)
        for _ in range(self.plan.workers):
            self.start_worker()
        for _ in range(self.plan.sidecars):
            self.start_sidecar()
        for number in range(self.plan.programs):
            self.start_program(f"site-{number}")

    def start_worker(self) -> Process:
        """Start one more."""
        arguments = ["worker"]
        if self.worker_url != self.broker.url:
            section = f'{{url: "{self.worker_url}"}}'
            arguments += ["-c", write_config(self.folder, config_of(section, self.plan.trackers), "worker.yaml").name]
        program = PROGRAM if self.plan.worker else (str(SITEWIRE),)
        worker = self.site.start(*arguments, program=program, **{"PYTHONPATH": _python_path(), **self.plan.worker})
        self.workers.append(worker)
        return worker

    def start_sidecar(self) -> Process:
        """Start one more."""
        sidecar = self.site.start("collect", "--spool", str(self.site.spool), "--url", self.trainer_url)
        self.sidecars.append(sidecar)
        return sidecar

    def start_program(self, site: str) -> Program:
        """Start a trainer of a new site."""
        runs = [self._new_run(site, number) for number in range(self.plan.runs)]
        publish = {"SITEWIRE_PUBLISH": "none"} if self.plan.sidecars else {"SITEWIRE_URL": self.trainer_url}
        variables = {"PYTHONPATH": str(TESTS), **publish, **self.plan.trainer}
        program = Program(runs, self.plan.rate // self.plan.programs, self.site.program, variables)
        self.programs.append(program)
        return program

    def finish(self) -> None:
        """Have the trainers log no more and end; what they could not send is sent."""
        until(lambda: all(run.goes_on for run in self.runs), self.site.logs)
        for program in self.programs:
            for run in program.runs:
                run.journal.stopping = True
        for program in self.programs:
            program.finish()
        synced = self.site.run("sync", str(self.site.spool), "--url", self.broker.url, timeout=120)
        assert synced.returncode == 0, f"{synced.stderr}\n{self.site.logs()}"

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask the broker."""

        async def asked() -> T:
            client = await connect(Endpoint(self.broker.url), name="checker")
            try:
                return await question(client)
            finally:
                await client.close()

        return asyncio.run(asked())

    def roles(self) -> Mapping[str, Sequence[int]]:
        """Return the process ids of what is alive, by role."""
        trainers = [program.process for program in self.programs]
        found = {"worker": self.workers, "sidecar": self.sidecars, "trainer": trainers}
        alive = {role: [one.pid for one in [*processes] if one.running] for role, processes in found.items()}
        return {"broker": self.broker.processes(), **alive}

    def _new_run(self, site: str, number: int) -> LivedRun:
        seed = next(_seeds) * RUNS_APART
        file = self.folder / f"journal-{seed}"
        return LivedRun(RunKey(site, f"job-{number}"), seed, file, Journal.create(file))


@contextmanager
def standing(stand: Stand) -> Iterator[Stand]:
    """Start a stand; every process of it ends with the block."""
    try:
        stand.start()
        yield stand
    finally:
        stand.site.end()
        stand.broker.kill()


def config_of(section: str, trackers: Sequence[Tracker]) -> str:
    """Return a config file of a broker's section and a route to each tracker."""
    routes = [f'  {tracker.route}: {{subjects: ["metrics.*.*.>"], sink: {tracker.sink}}}' for tracker in trackers]
    return "\n".join([f"broker: {section}", "collect: {spool: spool}", "routes:", *routes, ""])


def _python_path() -> str:
    return os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
