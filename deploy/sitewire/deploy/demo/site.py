"""One site, in a process of its own: trains on what it holds and logs as any trainer would.

Of sitewire it knows a logbook in one of its syntaxes and the ``SITEWIRE_*`` variables of its environment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from sitewire.deploy.demo.examples import LABELS, Examples
from sitewire.deploy.demo.logbook import Logbook, Setting, syntax_of
from sitewire.deploy.demo.messages import Finished, Trained, Update, ask_for_examples
from sitewire.deploy.demo.network import Momentum, Parameters, Score, evaluate, gradients
from sitewire.deploy.demo.plan import Plan


@dataclass(frozen=True, slots=True)
class SiteTask:
    """What a site is started with.

    Attributes:
        plan: the training.
        number: of the site, from 0.
        coordinator: gives networks, takes updates.
        terminal: gives the examples that it holds, takes news.
    """

    plan: Plan
    number: int
    coordinator: Connection
    terminal: Connection


def run_site(task: SiteTask) -> None:
    """Train until the last round is over. Ends early, without a word, when the other ends of the pipes are gone."""
    name = task.plan.names[task.number]
    try:
        site = _Site(task, ask_for_examples(task.terminal, name))
        with syntax_of(task.number)(site.settings, site.card) as book:
            site.train(book)
        # Behind the run's end: what is reported here is already in the spool.
        task.terminal.send(Finished(name, book.points))
    except (EOFError, ConnectionError):
        return


class _Site:
    def __init__(self, task: SiteTask, examples: Examples) -> None:
        self._task = task
        self._plan = task.plan
        self._random = task.plan.random(1, task.number)
        self._train, self._validation = examples.divide(task.plan.test_share, self._random)
        self._steps = 0
        self._kinds = len(np.unique(examples.labels))

    def train(self, book: Logbook) -> None:
        """Take part in every round."""
        score = Score(math.nan, 0.0)
        for number in range(1, self._plan.rounds + 1):
            parameters = self._train_round(self._task.coordinator.recv(), book)
            score = evaluate(parameters, self._validation)
            book.log({"val/loss": score.loss, "val/accuracy": score.accuracy}, number)
            self._task.coordinator.send(Update(parameters, len(self._train)))
        book.result(score.accuracy)

    def _train_round(self, parameters: Parameters, book: Logbook) -> Parameters:
        momentum = Momentum(self._plan.rate, self._plan.momentum)
        for _ in range(self._plan.epochs):
            parameters = self._train_epoch(parameters, momentum, book)
            self._tell()
        return parameters

    def _train_epoch(self, parameters: Parameters, momentum: Momentum, book: Logbook) -> Parameters:
        order = self._random.permutation(len(self._train))
        for indexes in np.array_split(order, self._batches):
            score, slopes = gradients(parameters, self._train.take(indexes))
            parameters = momentum.step(parameters, slopes)
            book.log({"train/loss": score.loss, "train/accuracy": score.accuracy}, self._steps)
            self._steps += 1
        return parameters

    @property
    def _batches(self) -> int:
        return math.ceil(len(self._train) / self._plan.batch)

    @property
    def settings(self) -> Mapping[str, Setting]:
        """What the training goes by."""
        plan = self._plan
        return {"rate": plan.rate, "momentum": plan.momentum, "batch": plan.batch, "alpha": plan.alpha}

    def _tell(self) -> None:
        of = self._batches * self._plan.epochs * self._plan.rounds
        self._task.terminal.send(Trained(self._plan.names[self._task.number], self._steps, of))

    @property
    def card(self) -> str:
        """What the site says of its data: counts only; which digits it holds stays with it."""
        rows = [
            ("examples to train on", len(self._train)),
            ("examples to validate with", len(self._validation)),
            ("different digits among them", f"{self._kinds} of {LABELS}"),
        ]
        return "| what | count |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)
