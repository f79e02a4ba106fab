"""What MLflow's tables and artifact folder hold: read by SQL, without MLflow."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg2

from sitewire.workers.sinks.mlflow.names import storable

_SQLITE: Final = "sqlite:///"
LARGEST: Final = 1.7976931348623157e308
"""What MLflow writes in the place of an infinity."""
UPLOADING: Final = ".artifact.uploading."
"""How a file is called that MLflow has not stored yet. Killed meanwhile it leaves it there, and never lists it."""


@dataclass(frozen=True, slots=True, order=True)
class StoredPoint:
    """A row of the table ``metrics``.

    Attributes:
        time: milliseconds since the epoch.
        step: 0 if it was logged without one.
        value: NaN where the row says so.
    """

    time: int
    step: int
    value: float


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as MLflow's tables have it.

    Attributes:
        id: MLflow's own.
        experiment: the name of its experiment.
        name: what the page shows.
        status: ``RUNNING``, ``FINISHED``, ``FAILED``, ...
        deleted: whether it is in the bin.
        start: milliseconds since the epoch.
        end: the same, or None.
        metrics: by name, in the order of time, step and value.
        params: by name.
        tags: by name.
        artifact_folder: where its artifacts are.
    """

    id: str
    experiment: str
    name: str
    status: str
    deleted: bool
    start: int | None
    end: int | None
    artifact_folder: Path
    metrics: Mapping[str, Sequence[StoredPoint]] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def site(self) -> str | None:
        """The site that it belongs to; None of a job's run, and of runs that others have made."""
        return self.tags.get("sitewire.site")

    @property
    def run(self) -> str | None:
        """Our id of the run."""
        return self.tags.get("sitewire.run")

    @property
    def parent(self) -> str | None:
        """The id of the run that it is nested in."""
        return self.tags.get("mlflow.parentRunId")

    @property
    def texts(self) -> dict[str, str]:
        """Its artifacts by path, as text."""
        files = [path for path in self.artifact_folder.rglob("*") if path.is_file()]
        files = [path for path in files if not path.name.startswith(UPLOADING)]
        return {str(path.relative_to(self.artifact_folder)): path.read_bytes().decode() for path in sorted(files)}


class Store:
    """MLflow's database and artifacts.

    Args:
        database: ``sqlite:///...`` or ``postgresql+psycopg2://...``.
        artifacts: what a server has as ``--artifacts-destination``; of a store without a server, anything.
    """

    def __init__(self, database: str, artifacts: Path) -> None:
        self._database = database
        self._artifacts = artifacts

    def experiments(self) -> dict[str, str]:
        """Return the stage (``active``, ``deleted``) of each experiment by its name."""
        return dict(self._rows("select name, lifecycle_stage from experiments"))

    def runs(self, *, deleted: bool = False) -> list[StoredRun]:
        """Return all runs whole, oldest first; those in the bin only if they are asked for."""
        with self._open() as db:
            rows = _fetch(db, f"{_RUNS} order by r.start_time, r.run_uuid")
            return [self._whole(db, row) for row in rows if deleted or row[4] == "active"]

    def run(self, site: str, run: str) -> StoredRun:
        """Return the one run that stands for a (site, run)."""
        found = self.find(site, run)
        assert len(found) == 1, f"{len(found)} runs stand for {site}, {run}: {found}"
        return found[0]

    def find(self, site: str, run: str) -> list[StoredRun]:
        """Return all runs that say of themselves that they stand for a (site, run)."""
        with self._open() as db:
            ids = _fetch(db, _WHICH, storable(site), storable(run))
            return [
                self._whole(db, row) for found in ids for row in _fetch(db, f"{_RUNS} where r.run_uuid = ?", *found)
            ]

    def job(self, run: str) -> StoredRun:
        """Return the one run that the sites of a job are nested in."""
        found = [one for one in self.runs() if (one.site, one.run) == (None, run)]
        assert len(found) == 1, f"{len(found)} runs stand for the job {run}: {found}"
        return found[0]

    def count(self, site: str, run: str) -> int:
        """Return how many points a run holds, without reading them."""
        ids = [row[0] for row in self._rows(_WHICH, storable(site), storable(run))]
        return sum(self._rows("select count(*) from metrics where run_uuid = ?", run_id)[0][0] for run_id in ids)

    def clear(self) -> None:
        """Take all runs away for good, so that the next test finds a server without any."""
        with self._open(write=True) as db:
            for table in ("latest_metrics", "metrics", "params", "tags", "runs"):
                _run(db, f"delete from {table}")  # noqa: S608  one of ours
            _run(db, "delete from experiments where experiment_id <> 0")
            db.commit()

    def forget(self, run_id: str) -> None:
        """Take a run away for good, as ``mlflow gc`` does."""
        with self._open(write=True) as db:
            for table in ("latest_metrics", "metrics", "params", "tags", "runs"):
                _run(db, f"delete from {table} where run_uuid = ?", run_id)  # noqa: S608  one of ours
            db.commit()

    def _whole(self, db: Any, row: Sequence[Any]) -> StoredRun:
        metrics: dict[str, list[StoredPoint]] = {}
        points = "select key, timestamp, step, value, is_nan from metrics where run_uuid = ? order by 1, 2, 3, 4"
        for key, time, step, value, is_nan in _fetch(db, points, row[0]):
            metrics.setdefault(key, []).append(StoredPoint(time, step, math.nan if is_nan else value))
        return StoredRun(
            id=row[0],
            experiment=row[1],
            name=row[2],
            status=row[3],
            deleted=row[4] != "active",
            start=row[5],
            end=row[6],
            artifact_folder=self._folder(row[7]),
            metrics=metrics,
            params=dict(_fetch(db, "select key, value from params where run_uuid = ?", row[0])),
            tags=dict(_fetch(db, "select key, value from tags where run_uuid = ?", row[0])),
        )

    def _folder(self, uri: str) -> Path:
        if uri.startswith("mlflow-artifacts:/"):
            return self._artifacts / uri.removeprefix("mlflow-artifacts:").lstrip("/")
        return Path(uri.removeprefix("file://"))

    def _rows(self, query: str, *arguments: Any) -> list[Any]:
        with self._open() as db:
            return _fetch(db, query, *arguments)

    @contextmanager
    def _open(self, *, write: bool = False) -> Iterator[Any]:
        if self._database.startswith(_SQLITE):
            path = self._database.removeprefix(_SQLITE)
            # Not with `mode=ro`: whoever looks behind a writer that was killed has to roll its transaction back.
            with closing(sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)) as db:
                db.execute(f"PRAGMA query_only = {'OFF' if write else 'ON'}")
                yield db
        else:
            with closing(psycopg2.connect(self._database.replace("+psycopg2", ""))) as db:
                yield db


_RUNS: Final = (
    "select r.run_uuid, e.name, r.name, r.status, r.lifecycle_stage, r.start_time, r.end_time, r.artifact_uri"
    " from runs r join experiments e on r.experiment_id = e.experiment_id"
)
_WHICH: Final = (
    "select r.run_uuid from runs r join tags s on s.run_uuid = r.run_uuid and s.key = 'sitewire.site' and s.value = ?"
    " join tags t on t.run_uuid = r.run_uuid and t.key = 'sitewire.run' and t.value = ?"
    " where r.lifecycle_stage = 'active'"
)


def _fetch(db: Any, query: str, *arguments: Any) -> list[Any]:
    return list(_run(db, query, *arguments).fetchall())


def _run(db: Any, query: str, *arguments: Any) -> Any:
    cursor = db.cursor()
    cursor.execute(query if isinstance(db, sqlite3.Connection) else query.replace("?", "%s"), arguments)
    return cursor
