"""How a site logs: in the syntax that its people are used to, each as its own guide shows it.

What a trainer would write is in the classes' methods, a line or two each. The names are the same in each syntax: so
sites can be compared in every tracker.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self, TypeAlias

from sitewire.collectors import Run, mlflow, wandb
from sitewire.collectors.tensorboard import SummaryWriter

Setting: TypeAlias = int | float


class Logbook(ABC):
    """One run, from the beginning of a block to its end.

    Args:
        settings: of the training.
        card: what the site says of its data; Markdown.

    Attributes:
        syntax: whose it is, as people call it.
        points: numbers logged, by name.
    """

    syntax: str

    def __init__(self, settings: Mapping[str, Setting], card: str) -> None:
        self._settings = settings
        self._card = card
        self._ends = ExitStack()
        self.points: Counter[str] = Counter()

    def __enter__(self) -> Self:
        with ExitStack() as stack:  # what is open is closed, if what follows fails
            self._begin(stack)
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.__exit__(kind, error, trace)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers of one step."""
        self._log(metrics, step)
        self.points.update(metrics.keys())

    @abstractmethod
    def result(self, accuracy: float) -> None:
        """Say what came of it."""

    @abstractmethod
    def _begin(self, ends: ExitStack) -> None:
        """Open the run, which closes with the stack, and log settings and card."""

    @abstractmethod
    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log numbers of one step."""


class TensorBoardLogbook(Logbook):
    """As with ``torch.utils.tensorboard``."""

    syntax = "TensorBoard"

    def _begin(self, ends: ExitStack) -> None:
        self._writer = ends.enter_context(SummaryWriter())
        self._writer.add_text("data", self._card, 0)

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def result(self, accuracy: float) -> None:
        """Log it with the settings that led to it."""
        self._writer.add_hparams(dict(self._settings), {"accuracy": accuracy})
        self.points["accuracy"] += 1


class MlflowLogbook(Logbook):
    """As with MLflow's fluent functions."""

    syntax = "MLflow"

    def _begin(self, ends: ExitStack) -> None:
        ends.enter_context(mlflow.start_run())
        mlflow.log_params(self._settings)
        mlflow.log_text(self._card, "data.md")

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        mlflow.log_metrics(metrics, step=step)

    def result(self, accuracy: float) -> None:
        """Log it as a metric of the whole run."""
        mlflow.log_metric("accuracy", accuracy)
        self.points["accuracy"] += 1


class WandbLogbook(Logbook):
    """As with W&B's client."""

    syntax = "W&B"

    def _begin(self, ends: ExitStack) -> None:
        self._run = ends.enter_context(wandb.init(config=dict(self._settings), notes=self._card))

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        self._run.log(dict(metrics), step=step)

    def result(self, accuracy: float) -> None:
        """Log it; W&B's summary has the last value of each name."""
        self._run.log({"accuracy": accuracy})
        self.points["accuracy"] += 1


class RunLogbook(Logbook):
    """With our own ``Run``."""

    syntax = "sitewire"

    def _begin(self, ends: ExitStack) -> None:
        self._run = ends.enter_context(Run(notes=self._card))
        self._run.log_params(self._settings)

    def _log(self, metrics: Mapping[str, float], step: int) -> None:
        self._run.log(metrics, step=step)

    def result(self, accuracy: float) -> None:
        """Log it, and as a figure of the whole run."""
        self._run.log_scalar("accuracy", accuracy)
        self._run.log_summary("accuracy", accuracy)
        self.points["accuracy"] += 1


SYNTAXES: Final[tuple[type[Logbook], ...]] = (TensorBoardLogbook, MlflowLogbook, WandbLogbook, RunLogbook)


def syntax_of(number: int) -> type[Logbook]:
    """Return the logbook of the site with that number, from 0: the syntaxes take turns."""
    return SYNTAXES[number % len(SYNTAXES)]
