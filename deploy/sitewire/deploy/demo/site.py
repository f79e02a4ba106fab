"""One site, in a process of its own: trains on what it holds and logs as any trainer would.

Of sitewire it knows a ``SummaryWriter`` and the ``SITEWIRE_*`` variables of its environment.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from sitewire.collectors.tensorboard import SummaryWriter
from sitewire.deploy.demo.examples import LABELS, Examples
from sitewire.deploy.demo.messages import Finished, Trained, Update
from sitewire.deploy.demo.network import Momentum, Parameters, Score, evaluate, gradients
from sitewire.deploy.demo.plan import Plan


@dataclass(frozen=True, slots=True)
class SiteTask:
    """What a site is started with.

    Attributes:
        plan: the training.
        number: of the site, from 0.
        examples: all that it holds.
        coordinator: gives networks, takes updates.
        terminal: takes news.
    """

    plan: Plan
    number: int
    examples: Examples
    coordinator: Connection
    terminal: Connection


def run_site(task: SiteTask) -> None:
    """Train until the last round is over. Ends early, without a word, when the other ends of the pipes are gone."""
    try:
        with SummaryWriter() as writer:
            points = _Site(task, writer).train()
        # Behind the writer's end: what is reported here is already in the spool.
        task.terminal.send(Finished(task.plan.names[task.number], points))
    except (EOFError, ConnectionError):
        return


class _Site:
    def __init__(self, task: SiteTask, writer: SummaryWriter) -> None:
        self._task = task
        self._plan = task.plan
        self._writer = writer
        self._random = task.plan.random(1, task.number)
        self._train, self._validation = task.examples.divide(task.plan.test_share, self._random)
        self._points: Counter[str] = Counter()
        self._steps = 0

    def train(self) -> Counter[str]:
        """Take part in every round; return how many scalars were logged, by tag."""
        self._writer.add_text("data", self._card(), 0)
        score = Score(math.nan, 0.0)
        for number in range(1, self._plan.rounds + 1):
            parameters = self._train_round(self._task.coordinator.recv())
            score = evaluate(parameters, self._validation)
            self._log("val/loss", score.loss, number)
            self._log("val/accuracy", score.accuracy, number)
            self._task.coordinator.send(Update(parameters, len(self._train)))
        self._log_hparams(score)
        return self._points

    def _train_round(self, parameters: Parameters) -> Parameters:
        momentum = Momentum(self._plan.rate, self._plan.momentum)
        for _ in range(self._plan.epochs):
            parameters = self._train_epoch(parameters, momentum)
            self._tell()
        return parameters

    def _train_epoch(self, parameters: Parameters, momentum: Momentum) -> Parameters:
        order = self._random.permutation(len(self._train))
        for indexes in np.array_split(order, self._batches):
            score, slopes = gradients(parameters, self._train.take(indexes))
            parameters = momentum.step(parameters, slopes)
            self._log("train/loss", score.loss, self._steps)
            self._log("train/accuracy", score.accuracy, self._steps)
            self._steps += 1
        return parameters

    @property
    def _batches(self) -> int:
        return math.ceil(len(self._train) / self._plan.batch)

    def _log(self, tag: str, value: float, step: int) -> None:
        self._writer.add_scalar(tag, value, step)
        self._points[tag] += 1

    def _log_hparams(self, score: Score) -> None:
        plan = self._plan
        settings = {"rate": plan.rate, "momentum": plan.momentum, "batch": plan.batch, "alpha": plan.alpha}
        metrics = {"hparam/accuracy": score.accuracy}
        self._writer.add_hparams(settings, metrics, name="hparams")
        self._points.update(metrics.keys())

    def _tell(self) -> None:
        of = self._batches * self._plan.epochs * self._plan.rounds
        self._task.terminal.send(Trained(self._plan.names[self._task.number], self._steps, of))

    def _card(self) -> str:
        # Counts only: which digits a site holds stays with it.
        kinds = len(np.unique(self._task.examples.labels))
        rows = [
            ("examples to train on", len(self._train)),
            ("examples to validate with", len(self._validation)),
            ("different digits among them", f"{kinds} of {LABELS}"),
        ]
        return "| what | count |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)
