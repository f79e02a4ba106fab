"""A log call in each syntax: ``log(name, number)`` logs a number as the value, and as the step where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

Log: TypeAlias = Callable[[str, int], object]


def _none() -> Log:
    return lambda name, number: None


def _run() -> Log:
    from sitewire.collectors import Run

    run = Run()
    return lambda name, number: run.log_scalar(name, float(number), number)


def _tensorboard() -> Log:
    from sitewire.collectors.tensorboard import SummaryWriter

    writer = SummaryWriter()
    return lambda name, number: writer.add_scalar(name, float(number), number)


def _mlflow() -> Log:
    from sitewire.collectors import mlflow

    run = mlflow.start_run().info.run_id  # said each time: what is active is so for one thread only
    return lambda name, number: mlflow.log_metric(name, float(number), step=number, run_id=run)


def _wandb() -> Log:
    from sitewire.collectors import wandb

    run = wandb.init()
    return lambda name, number: run.log({name: float(number)})


NONE: Final = "none"
"""The same program without logging: what each ending is compared with."""

SYNTAXES: Final[dict[str, Callable[[], Log]]] = {
    "run": _run,
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
}


def open_log(syntax: str) -> Log:
    """Begin to log in a syntax, as the lines at the top of a trainer do."""
    return _none() if syntax == NONE else SYNTAXES[syntax]()
