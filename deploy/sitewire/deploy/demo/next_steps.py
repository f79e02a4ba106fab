"""The commands that come next, as they work in this shell."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from rich.console import Console

from sitewire.broker_config.model import Route
from sitewire.deploy.demo.place import Place
from sitewire.deploy.demo.readers import database, place_of

_Line: TypeAlias = tuple[str, str]
"""What a command is for, and the command."""


def how_to_go_on(console: Console, place: Place) -> None:
    """Print how each tracker is looked at, and how to receive more."""
    file = shlex.quote(str(place.file))
    lines = [line for route in place.config.routes for line in _LOOK.get(route.sink.type, _no_line)(route)]
    lines.append(("receive more", f"{_program('sitewire')} up -c {file}"))
    lines.append(("and beside it", f"{_program('sitewire')} runs -c {file}"))
    for what, command in lines:
        console.print(f"{what + ':':<16}{command}", markup=False)


def _in_tensorboard(route: Route) -> Iterator[_Line]:
    yield "TensorBoard", f"{_program('tensorboard')} --logdir {_shown(Path(place_of(route)))}"


def _in_mlflow(route: Route) -> Iterator[_Line]:
    file = database(route)
    if file is None:
        yield "MLflow", place_of(route)
        return
    # Without these two it starts sixteen processes.
    small = "MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false", "--workers 1"
    yield "MLflow", f"{small[0]} {_program('mlflow')} ui {small[1]} --backend-store-uri sqlite:///{_shown(file)}"


def _in_wandb(route: Route) -> Iterator[_Line]:
    folder = _shown(Path(place_of(route)) / "wandb")
    yield "W&B, here", f"{_program('wandb')} leet {folder}"
    yield "W&B, uploaded", f"{_program('wandb')} sync {folder}/offline-run-*"


def _no_line(_: Route) -> Iterator[_Line]:
    return iter(())


_LOOK: Final[Mapping[str, Callable[[Route], Iterator[_Line]]]] = MappingProxyType(
    {"mlflow": _in_mlflow, "tensorboard": _in_tensorboard, "wandb": _in_wandb}
)


def _shown(path: Path) -> str:
    return shlex.quote(str(_near(path)))


def _near(path: Path) -> Path:
    """Return the path as seen from here, if it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _program(name: str) -> str:
    """Return what to type for a program of this environment: its name if the shell finds it, otherwise its path."""
    beside = Path(sys.executable).parent / name
    found = shutil.which(name)
    return name if found and Path(found).resolve() == beside.resolve() else shlex.quote(str(_near(beside)))
