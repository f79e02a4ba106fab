"""Every named point on the way into MLflow: each point of each run is there, in one run of MLflow's.

The workers write to an SQLite store themselves, so that a death in the middle of MLflow's own ``log_batch`` is one of
the cases; some are played with a server too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from signal import SIGKILL, SIGSTOP

import pytest

from sitewire.workers.point import Point
from support.checker.case import Case, every, play
from support.checker.inside import Inside
from support.checker.load import Finding
from support.checker.mlflow_tracker import MLFLOW, mlflow_at
from support.checker.scene import FULL, Scene, scene
from support.checker.way import IN_MLFLOW
from support.mlflow.server import mlflow_server

TAKEOVERS = (Point.RUN_CREATED, Point.SINK_OPENED, Point.REQUEST_ANSWERED, Inside.METRICS_COMMITTED)

FEW = [
    Case(Point.RUN_CREATED, SIGKILL, 2),
    Case(Point.RUN_CREATED, SIGSTOP, 2),
    Case(Inside.METRICS_COMMITTED, SIGKILL, 2),
    Case(Point.REQUEST_ANSWERED, SIGSTOP, 2),
    Case(Point.BATCH_COMMITTED, SIGKILL, 1),
]
AT_A_SERVER = [
    Case(point, number) for point in (Point.REQUEST_BEGINS, Point.REQUEST_ANSWERED) for number in (SIGKILL, SIGSTOP)
]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene with MLflow alone, in the workers' own processes."""
    with scene(tmp_path_factory.mktemp("mlflow"), trackers=[MLFLOW]) as made:
        yield made


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The same with a server."""
    folder = tmp_path_factory.mktemp("served")
    with ExitStack() as stack:
        server = stack.enter_context(mlflow_server(folder / "server"))
        tracker = mlflow_at(server.url, server.folder / "mlflow.db")
        yield stack.enter_context(scene(folder, trackers=[tracker]))


@pytest.mark.parametrize("case", [*every(IN_MLFLOW, TAKEOVERS, stopped=(2,))] if FULL else FEW, ids=str)
def test_a_worker_that_dies_or_stops_at_a_point_loses_and_doubles_nothing(
    stage: Scene, case: Case, note: Callable[[object, Finding], Finding]
) -> None:
    finding = note(f"{case}, to MLflow", play(stage, case))
    assert finding.exact, f"{finding}\n{stage.site.logs()}"


@pytest.mark.parametrize("case", AT_A_SERVER if FULL else AT_A_SERVER[:1], ids=str)
def test_nor_does_it_at_a_server(served: Scene, case: Case, note: Callable[[object, Finding], Finding]) -> None:
    finding = note(f"{case}, to MLflow's server", play(served, case))
    assert finding.exact, f"{finding}\n{served.site.logs()}"
