"""MLflow as the checker reads it: its SQLite database, by SQL, while workers or a server write to it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sitewire.schemas.subject import RunKey
from support.checker.grid import snapped
from support.checker.tracker import Story, Tracker, by_name
from support.live import Found
from support.points import Point, float32

_RUNS: Final = """
SELECT runs.run_uuid FROM runs
JOIN tags AS site ON site.run_uuid = runs.run_uuid AND site.key = 'sitewire.site' AND site.value = ?
JOIN tags AS run ON run.run_uuid = runs.run_uuid AND run.key = 'sitewire.run' AND run.value = ?
WHERE runs.lifecycle_stage = 'active'
"""
_COUNT: Final = f"SELECT count(*) FROM metrics WHERE run_uuid IN ({_RUNS})"  # noqa: S608  a constant of ours
_NAMES: Final = "SELECT key, value FROM tags WHERE run_uuid = ? AND key LIKE 'sitewire.name.%'"
_POINTS: Final = """
SELECT key, step, value, is_nan, timestamp FROM metrics WHERE run_uuid = ? ORDER BY timestamp, rowid
"""
_SECOND: Final = ("a second run", Point(0, 0.0, 0.0))
"""What nobody logged: a run that is there twice is wrong, even if it is empty."""


@contextmanager
def reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that others write to, without the right to change it.

    Not with ``mode=ro``: of a writer that was killed in a transaction, whoever looks next has to roll that back.
    """
    with closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True, timeout=30)) as connection:
        connection.execute("PRAGMA query_only = ON")
        yield connection


def replay(database: Path, key: RunKey) -> Story:
    """Return the metrics of a run by time: MLflow keeps no other order. A second run of the key shows as a point."""
    if not database.exists():
        return []
    return _read(database, key, _names)


def watch(database: Path, key: RunKey) -> Callable[[], Found]:
    """Return what looks at a run again and again; by the names as they are written, as their tags come behind them."""
    return lambda: by_name(_read(database, key, lambda connection, run: {}) if database.exists() else ())


def counting(database: Path, key: RunKey) -> Callable[[], int]:
    """Return what counts the metrics of a run, as often as it is asked."""

    def count() -> int:
        if not database.exists():
            return 0
        with reading(database) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'metrics'").fetchone():
                return 0  # it is being made
            return int(connection.execute(_COUNT, (key.site, key.run)).fetchone()[0])

    return count


def _read(database: Path, key: RunKey, names: Callable[[sqlite3.Connection, str], Mapping[str, str]]) -> Story:
    with reading(database) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'metrics'").fetchone():
            return []  # it is being made
        runs = [run for (run,) in connection.execute(_RUNS, (key.site, key.run))]
        story = [item for run in runs for item in _points(connection, run, names(connection, run))]
    return [*story, *[_SECOND for _ in runs[1:]]]


def _names(connection: sqlite3.Connection, run: str) -> Mapping[str, str]:
    return {written.removeprefix("sitewire.name."): name for written, name in connection.execute(_NAMES, (run,))}


def _points(connection: sqlite3.Connection, run: str, names: Mapping[str, str]) -> Iterator[tuple[str, Point]]:
    for name, step, value, is_nan, milliseconds in connection.execute(_POINTS, (run,)):
        number = math.nan if is_nan else float32(value)
        yield names.get(name, name), Point(step, number, snapped(milliseconds / 1000))


RUNS: Final = 4
RATE: Final = 120
"""On a busy machine MLflow takes some dozens of requests a second: each is several transactions."""

MLFLOW: Final = Tracker(
    "mlflow",
    "mlflow.db",
    '{type: mlflow, tracking_uri: "sqlite:///mlflow.db", flush_seconds: 0.8}',
    replay,
    watch=watch,
    count=counting,
    rate=RATE,
    runs=RUNS,
)
"""Written to by the workers themselves."""


def mlflow_at(url: str, database: Path) -> Tracker:
    """Return the tracker behind a server, whose database is read past it."""
    sink = f'{{type: mlflow, tracking_uri: "{url}", flush_seconds: 0.8}}'
    return Tracker("mlflow", str(database), sink, replay, watch=watch, count=counting, rate=RATE, runs=RUNS)
