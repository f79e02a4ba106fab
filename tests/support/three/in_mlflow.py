"""What MLflow has to hold of a run, against its tables and artifacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final

from support.mlflow.reader import StoredRun
from support.three.book import Said
from support.three.points import Due, Seen, differences, of_mappings, shown_name, shown_step

PRECISION: Final = 0.001  # seconds
_STATUS: Final = {"finished": "FINISHED", "failed": "FAILED"}


def check(run: StoredRun, site: str, said: Sequence[Said]) -> Iterator[str]:
    """Yield what differs from what was said."""
    yield from differences(_due(said), _seen(run), PRECISION)
    yield from of_mappings("param", _params(said), run.params)
    yield from of_mappings("artifact", _texts(said), run.texts)
    yield from of_mappings("tag", _tags(said), {name: text for name, text in run.tags.items() if _is_said(name)})
    begin, status = said[0].value, _STATUS[said[-1].value]
    yield from of_mappings(
        "run's",
        {"name": begin.get("name", site), "experiment": begin.get("experiment", "default"), "status": status},
        {"name": run.name, "experiment": run.experiment, "status": run.status},
    )
    if not (run.start and run.end and run.start <= run.end):
        yield f"it lasted from {run.start} to {run.end}"


def _due(said: Sequence[Said]) -> list[Due]:
    points = [
        Due(f"{item.series}/{shown_name(item)}" if item.series else shown_name(item), item.value, step, *_times(item))
        for item in said
        if item.kind == "scalar"
        for step in [shown_step(item) or 0]
    ]
    numbers = [item for item in said if item.kind == "summary" and not isinstance(item.value, str)]
    points += [Due(f"summary/{item.name}", item.value, 0, *_times(item)) for item in numbers]
    return sorted(points, key=lambda point: (point.since, point.step))


def _seen(run: StoredRun) -> Iterator[Seen]:
    for written, points in run.metrics.items():
        name = run.tags.get(f"sitewire.name.{written}", written)
        for point in points:
            yield Seen(name, point.value, point.step, point.time / 1000)


def _times(item: Said) -> tuple[float, float]:
    return item.since, item.until


def _params(said: Sequence[Said]) -> Mapping[str, str]:
    return {
        f"{item.series}/{item.name}" if item.series else item.name: str(item.value)
        for item in said
        if item.kind in ("param", "hparams")
    }


def _texts(said: Sequence[Said]) -> Mapping[str, str]:
    return {_path(item): item.value for item in said if item.kind == "text"}


def _path(item: Said) -> str:
    step = shown_step(item)
    if step is not None:
        return f"{item.name}/{step}.txt"
    return item.name if PurePosixPath(item.name).suffix else f"{item.name}.txt"


def _tags(said: Sequence[Said]) -> Mapping[str, str]:
    tags: dict[str, Any] = {item.name: item.value for item in said if item.kind == "tag"}
    tags |= {f"summary.{item.name}": str(item.value) for item in said if item.kind == "summary"}
    if notes := said[0].value.get("notes"):
        tags["mlflow.note.content"] = notes
    return tags


def _is_said(name: str) -> bool:
    """Whether a tag is neither ours nor MLflow's own."""
    return name == "mlflow.note.content" or not name.startswith(("sitewire.", "mlflow."))
