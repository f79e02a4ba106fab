"""What each tracker holds of an origin, found by its own reader and not by what wrote it.

TensorBoard's ``EventAccumulator``, the tables of MLflow's SQLite store, and ``wandb leet inspect``, which W&B's client
has for its files.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import Final

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sitewire.broker_config.model import Route
from sitewire.deploy.demo.errors import NotReadable
from sitewire.schemas.series import named
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.tensorboard.layout import run_folder
from sitewire.workers.sinks.wandb.layout import run_id, segment_files

_EVERYTHING: Final = {"scalars": 0, "tensors": 0}
"""To an ``EventAccumulator``: keep all points, not a sample."""

_POINTS: Final = """
select metrics.key, count(*) from metrics
join runs using (run_uuid)
join tags as site on site.run_uuid = runs.run_uuid and site.key = 'sitewire.site' and site.value = ?
join tags as run on run.run_uuid = runs.run_uuid and run.key = 'sitewire.run' and run.value = ?
where runs.lifecycle_stage = 'active' and metrics.key not like 'summary/%'
group by metrics.key
"""
_SQLITE: Final = "sqlite:///"
_OURS: Final = ("_", "sitewire/")
"""What the keys of a row begin with that are no points: W&B's own, and where the row stands."""


def read_points(route: Route, origin: RunKey) -> Counter[str] | None:
    """Return how many numbers the route's tracker holds of an origin, by series and name.

    Returns:
        ``None`` if nobody here can read it: it is a server's, say.

    Raises:
        NotReadable: it is there, and cannot be read.
    """
    read = _READERS.get(route.sink.type)
    return None if read is None else read(place_of(route), origin)


def place_of(route: Route) -> str:
    """Return where a route writes: a path, or a URI."""
    return route.sink.identity.partition(":")[2]


def database(route: Route) -> Path | None:
    """Return the SQLite file of a route to MLflow; ``None`` of one to a server, or to something else."""
    place = place_of(route)
    return Path(place.removeprefix(_SQLITE)) if route.sink.type == "mlflow" and place.startswith(_SQLITE) else None


def _in_tensorboard(place: str, origin: RunKey) -> Counter[str]:
    folder = run_folder(Path(place), origin)
    points: Counter[str] = Counter()
    for path in sorted({path.parent for path in folder.rglob("*tfevents*")}):
        events = EventAccumulator(str(path), _EVERYTHING).Reload()
        series = named(path.relative_to(folder).as_posix())
        points.update({str(Path(series or "") / tag): len(events.Scalars(tag)) for tag in events.Tags()["scalars"]})
    return points


def _in_mlflow(place: str, origin: RunKey) -> Counter[str] | None:
    if not place.startswith(_SQLITE):
        return None
    try:
        with closing(sqlite3.connect(f"file:{place.removeprefix(_SQLITE)}?mode=ro", uri=True)) as store:
            return Counter(dict(store.execute(_POINTS, (origin.site, origin.run))))
    except sqlite3.Error as error:
        msg = f"{place}: {error}"
        raise NotReadable(msg) from error


def _in_wandb(place: str, origin: RunKey) -> Counter[str]:
    points: Counter[str] = Counter()
    for file in segment_files(Path(place), run_id(origin)):
        for row in _rows(file):
            points.update(key for key, value in row.items() if not key.startswith(_OURS) and _is_number(value))
    return points


def _rows(file: Path) -> Iterator[Mapping[str, object]]:
    options = ("leet", "inspect", "--no-observability", "--json", "--run-file", str(file))
    done = subprocess.run([_core(), *options], capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout:  # it says what is wrong, and that it has worked
        msg = f"{file}: {done.stderr.strip()[-500:]}"
        raise NotReadable(msg)
    records = map(json.loads, done.stdout.splitlines())
    return (record["history"]["item"] for record in records if record["type"] == "history")


def _core() -> Path:
    """Return the program behind W&B's commands: they take a second to import, a run each."""
    found = importlib.util.find_spec("wandb")
    if found is None or found.origin is None:
        msg = "wandb is not installed"
        raise NotReadable(msg)
    return Path(found.origin).with_name("bin") / "wandb-core"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_READERS: Final[Mapping[str, Callable[[str, RunKey], Counter[str] | None]]] = MappingProxyType(
    {"tensorboard": _in_tensorboard, "mlflow": _in_mlflow, "wandb": _in_wandb}
)
