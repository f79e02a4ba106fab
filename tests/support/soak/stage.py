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

MAX_BYTES: Final = 512 << 20  # of the stream: it is trimmed from half of that on, so within the hour
_START: Final = 0.4  # seconds of a processor that a trainer takes to start, with room
_ALONE: Final = ("setsid", str(SITEWIRE))
"""Sessions of their own, as services have them: Linux shares processors out among sessions first."""

CONFIG: Final = """\
broker:
  embedded: {{{{port: {{port}}, store: store, max_bytes: {most}}}}}
collect: {{{{spool: spool}}}}
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
    """One of the trainers."""

    part: Part
    begin: float
    process: Process
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
        trainers: in the plan's order.
    """

    site: Site
    server: MlflowServer
    broker: Process
    worker: Process
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
        for trainer in self.trainers:
            trainer.journal.stopping = True
        for trainer in self.trainers:
            assert trainer.process.wait(patience) == 0, trainer.process.output
        self.site.drain(patience)


@contextmanager
def staged(folder: Path, plan: Plan) -> Iterator[Stage]:
    """Everything runs; the trainers log from a moment on that is some seconds ahead."""
    with mlflow_server(folder / "mlflow") as server:
        config = CONFIG.format(most=MAX_BYTES, few=FEW, uri=server.url)
        with site_in(folder, config) as site:
            broker = site.start("broker", program=_ALONE)
            until(lambda: site.run("broker", "apply").returncode == 0, site.logs)
            worker = site.start("worker", program=_ALONE)
            begin = float(round(time.time() + 2 + _START * plan.sites * plan.runs))
            trainers = [_trainer(site, part, begin) for part in plan.parts()]
            yield Stage(site, server, broker, worker, trainers)
            assert worker.stop() == 0, worker.output
            assert broker.stop() == 0, broker.output


def _trainer(site: Site, part: Part, begin: float) -> Trainer:
    path = site.folder / f"journal-{part.seed}"
    journal = Journal.create(path)
    arguments = [sys.executable, "-m", "support.soak.trainer", str(path), str(part.seed), str(part.pace), str(begin)]
    process = site.program(
        arguments,
        site=part.site,
        run=part.run,
        name=f"trainer-{part.seed}",
        PYTHONPATH=os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH")))),
        SITEWIRE_SPOOL=str(site.folder / f"spool-{part.site}"),
        SITEWIRE_EXIT_TIMEOUT="60",
    )
    return Trainer(part, begin, process, journal)
