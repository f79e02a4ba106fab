"""The product's processes for a soak, each on its own as in production."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.journal import Journal
from support.mlflow.server import MlflowServer, mlflow_server
from support.product import SITEWIRE, TESTS, Process, Site, site_in, until
from support.soak.plan import FEW, Part, Plan
from support.soak.verdict import Logged

MAX_BYTES: Final = 2 << 30  # of the stream: room for a tracker that falls behind
KEEP: Final = 0.2  # of that: history is trimmed from some minutes on, so the store does not grow all the time
_START: Final = 0.4  # seconds of a processor that a trainer takes to start, with room
_ALONE: Final = ("setsid", str(SITEWIRE))
"""Sessions of their own, as services have them: Linux shares processors out among sessions first."""

CONFIG: Final = """\
broker:
  embedded: {{{{port: {{port}}, store: store, max_bytes: {most}}}}}
collect: {{{{spool: spool}}}}
keep: {{{{share: {keep}}}}}
routes:
  tensorboard:
    subjects: ["metrics.*.*.>"]
    sink: {{{{type: tensorboard, logdir: runs}}}}
  wandb:
    subjects: ["metrics.*.*.>"]
    sink: {{{{type: wandb, dir: wandb, mode: offline}}}}
  mlflow:
    subjects: ["metrics.*.{few}.>"]
    sink: {{{{type: mlflow, tracking_uri: "{uri}"}}}}
"""


@dataclass(frozen=True)
class Trainer:
    """One of the trainers.

    Attributes:
        part: what it logs.
        begin: when its first row is due, in seconds since the epoch.
        journal: its own.
    """

    part: Part
    begin: float
    journal: Journal

    @property
    def logged(self) -> Logged:
        """What its journal says now."""
        return Logged(self.part, self.begin, self.journal.attempted, self.journal.accepted)


@dataclass(frozen=True)
class Stage:
    """All processes.

    Attributes:
        site: the folder and its commands.
        server: MLflow's.
        broker, worker: the product's.
        jobs: what started the trainers, one for each site.
        trainers: in the plan's order.
    """

    site: Site
    server: MlflowServer
    broker: Process
    worker: Process
    jobs: Sequence[Process]
    trainers: Sequence[Trainer]

    @property
    def database(self) -> Path:
        """MLflow's."""
        return self.server.folder / "mlflow.db"

    def finish(self, patience: float) -> None:
        """Have the trainers log no more and end in order, and wait until all is delivered.

        Args:
            patience: seconds for each of the two.
        """
        self.end_logging()
        for job in self.jobs:
            assert job.wait(patience) == 0, job.output
        self.site.drain(patience)

    def end_logging(self) -> None:
        """Have the trainers end in order."""
        for trainer in self.trainers:
            trainer.journal.stopping = True


@contextmanager
def staged(folder: Path, plan: Plan) -> Iterator[Stage]:
    """Everything runs; the trainers log from a moment on that is some seconds ahead."""
    with mlflow_server(folder / "mlflow") as server:
        config = CONFIG.format(most=MAX_BYTES, keep=KEEP, few=FEW, uri=server.url)
        with site_in(folder, config) as site:
            broker = site.start("broker", program=_ALONE)
            until(lambda: site.run("broker", "apply").returncode == 0, site.logs)
            worker = site.start("worker", program=_ALONE)
            begin = float(round(time.time() + 2 + _START * plan.sites * plan.runs))
            trainers = [Trainer(part, begin, Journal.create(_journal(site, part))) for part in plan.parts()]
            jobs = [_job(site, name, trainers) for name in dict.fromkeys(part.site for part in plan.parts())]
            stage = Stage(site, server, broker, worker, jobs, trainers)
            try:
                yield stage
            finally:
                stage.end_logging()  # whatever went wrong: who started them is killed, and they are not
            assert worker.stop() == 0, worker.output
            assert broker.stop() == 0, broker.output


def _job(site: Site, name: str, trainers: Sequence[Trainer]) -> Process:
    parts = [trainer.part for trainer in trainers if trainer.part.site == name]
    arguments = ["setsid", sys.executable, "-m", "support.soak.launcher", str(trainers[0].begin)]
    for part in parts:
        arguments += [str(_journal(site, part)), str(part.seed), str(part.pace), part.run]
    return site.program(
        arguments,
        site=name,
        run=parts[0].run,
        name=f"job-{name}",
        PYTHONPATH=os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))),
        SITEWIRE_SPOOL=str(site.folder / f"spool-{name}"),
        SITEWIRE_EXIT_TIMEOUT="60",
    )


def _journal(site: Site, part: Part) -> Path:
    return site.folder / f"journal-{part.seed}"
