"""What W&B has to hold of a run, against its ``.wandb`` files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from support.three.book import Said
from support.three.points import Due, Seen, differences, of_mappings, shown_name
from support.wandb.reader import Point, Run

PRECISION: Final = 0.001  # seconds: neighbours of one step and one millisecond share a row
OURS: Final = "sitewire"
"""The part of the config that says whose run it is, and how it stands."""
_EXIT: Final = {"finished": 0, "failed": 1}


def check(run: Run, site: str, job: str, said: Sequence[Said]) -> Iterator[str]:
    """Yield what differs from what was said."""
    yield from differences(_due(said), map(_seen, run.points), PRECISION)
    yield from of_mappings("config", _config(said), {name: run.config[name] for name in run.config if name != OURS})
    figures = _summary(said)  # beside the last value of each name, which W&B takes into it by itself
    yield from of_mappings("summary", figures, {name: run.summary.get(name) for name in figures})
    begin, info = said[0].value, run.info
    yield from of_mappings(
        "run's",
        {
            "name": begin.get("name", site),
            "project": begin.get("experiment", "default"),
            "group": begin.get("group", job),
            "job_type": begin.get("job_type", ""),
            "notes": begin.get("notes", ""),
            "tags": sorted(item.name for item in said if item.kind == "tag" and not item.value),
            "exit code": _EXIT[said[-1].value],
        },
        {
            "name": info.display_name,
            "project": info.project,
            "group": info.run_group,
            "job_type": info.job_type,
            "notes": info.notes,
            "tags": sorted(run.tags),
            "exit code": run.exit,
        },
    )
    for item in said:
        if item.kind == "definition" and run.definitions[item.name].step_metric != item.value["step_metric"]:
            yield f"{item.name} is shown over {run.definitions[item.name].step_metric}"


def _due(said: Sequence[Said]) -> Iterator[Due]:
    for item in said:
        if item.kind in ("scalar", "text"):
            name = f"{item.series}/{shown_name(item)}" if item.series else shown_name(item)
            yield Due(name, item.value, item.step, item.since, item.until, _beside(item))


def _seen(point: Point) -> Seen:
    value = float(point.value) if point.value in ("NaN", "Infinity", "-Infinity") else point.value
    return Seen(point.name, value, point.step, point.time, _beside(point))


def _beside(item: Said | Point) -> tuple[tuple[str, Any], ...]:
    return tuple((name, getattr(item, name)) for name in ("round", "epoch", "context"))


def _config(said: Sequence[Said]) -> Mapping[str, Any]:
    params = {item.name: item.value for item in said if item.kind in ("param", "hparams")}
    return params | {f"tag/{item.name}": item.value for item in said if item.kind == "tag" and item.value}


def _summary(said: Sequence[Said]) -> Mapping[str, Any]:
    return {item.name: item.value for item in said if item.kind == "summary"}
