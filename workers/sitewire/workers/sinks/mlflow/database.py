"""An SQLite store in this process: MLflow's ``SqlAlchemyStore``, made once and quietly."""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlalchemy.exc
from mlflow.entities import Metric, Param, RunTag
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from sitewire.workers.errors import PlaceDown
from sitewire.workers.sinks.files import make_folders
from sitewire.workers.sinks.mlflow.artifacts import listed, upload
from sitewire.workers.sinks.mlflow.errors import mlflow_errors_as_ours
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.tracked import Tracked
from sitewire.workers.sinks.mlflow.tracker import Tracker

ARTIFACTS: Final = "mlartifacts"
"""The folder of artifacts, beside the database."""

ENOUGH: Final = 1000
"""Points from which on SQLite is told to look at its tables."""

_LOCKS: Final = ".sitewire"
_LOOK: Final = 0.05  # seconds between two looks whether another process has made the tables


class DatabaseTracker(Tracker):
    """An SQLite file, written to without a server.

    It has one writer at a time: others of this process wait here, and not in SQLite, which looks only now and then.
    """

    def __init__(self, store: SqlAlchemyStore, uri: str) -> None:
        super().__init__(store, uri)
        self._writing = threading.Lock()

    @classmethod
    def open(cls, file: Path, uri: str, timeout: float) -> DatabaseTracker:
        """Open the file; the first to come makes it, with all of MLflow's tables, which takes seconds.

        Args:
            file: the database.
            uri: the same as MLflow writes it.
            timeout: seconds to wait for another process that is making it.

        Raises:
            PlaceDown: it is no database of this MLflow's.
            SinkUnavailable: the operating system said no.
        """
        with mlflow_errors_as_ours(uri):
            make_folders(file.parent / _LOCKS)
            _be_quiet()
            with _alone(file.parent / _LOCKS / f"{file.name}.lock", timeout):
                artifacts = str(file.parent / ARTIFACTS)
                if not file.exists() or not file.stat().st_size:
                    _make(file, artifacts)
                store = SqlAlchemyStore(uri, artifacts)
                _analyze(store.engine)
                return cls(store, uri)

    def log(self, run_id: str, request: Request) -> None:
        """Write a request."""
        metrics = [Metric(point.key, point.value, point.time, point.step) for point in request.metrics]
        params = [Param(key, value) for key, value in request.params.items()]
        tags = [RunTag(key, value) for key, value in request.tags.items()]
        with mlflow_errors_as_ours(self.uri), self._writing:
            self._store.log_batch(run_id, metrics, params, tags)

    def upload(self, run: Tracked, path: str, text: str) -> None:
        """Write a text below the run's artifact folder."""
        upload(run.artifact_uri, self.uri, path, text)

    def listed(self, run: Tracked, folder: str) -> Mapping[str, bool]:
        """Look into the run's artifact folder."""
        return listed(run.artifact_uri, self.uri, folder)

    def close(self) -> None:
        """Close the connections that nobody uses; MLflow keeps the engine for the next store of that file."""
        engine: Any = self._store.engine
        engine.dispose()


def _make(file: Path, artifacts: str) -> None:
    """Make the tables beside the place, and move them there whole.

    MLflow makes them in many transactions: what a kill or a full disk leaves of that, it never finishes.
    """
    folder, name = file.parent / _LOCKS, f"{file.name}.new-"
    for leftover in folder.glob(f"{glob.escape(name)}*"):
        leftover.unlink()
    aside = folder / f"{name}{secrets.token_hex(4)}"  # MLflow keeps an engine for each name, of a file that is gone too
    engine: Any = SqlAlchemyStore(f"sqlite:///{aside}", artifacts).engine
    engine.dispose()
    aside.replace(file)


def _analyze(engine: sqlalchemy.Engine) -> None:
    """Have SQLite know its tables, once there is something in them: else it looks through a run for each known point.

    Points are known when a request is sent again, by the successor of who was killed, which comes through here first.
    """
    # Somebody else may be writing all the time: then it is slow, and works.
    with suppress(sqlalchemy.exc.OperationalError), engine.begin() as connection:
        known = connection.exec_driver_sql("select 1 from sqlite_master where name = 'sqlite_stat1'").first()
        some = connection.exec_driver_sql(f"select 1 from metrics limit 1 offset {ENOUGH}").first()  # noqa: S608  a number
        if known is None and some is not None:
            connection.exec_driver_sql("analyze")


@contextmanager
def _alone(lock: Path, timeout: float) -> Iterator[None]:
    """Wait for the other processes that make the same tables."""
    deadline = time.monotonic() + timeout
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while not _taken(descriptor):
            if time.monotonic() > deadline:
                msg = f"{lock}: another process makes the tables, and has not finished for {timeout:g} s"
                raise PlaceDown(msg)
            time.sleep(_LOOK)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _be_quiet() -> None:
    """Have MLflow and its migration log nothing: what goes wrong is raised, and said by us."""
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
