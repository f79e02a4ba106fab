"""What the stand-in was sent of a run, in the form in which the files of one are read: one measure for both."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support.wandb.reader import Row, Run, Segment
from support.wandb.standin import ServedRun


def as_run(served: ServedRun) -> Run:
    """Return a run of the service as a reader of its files would find it."""
    rows = [Row(row["_step"], row) for row in served.history]
    info = SimpleNamespace(display_name=served.display_name, run_group=served.group, tags=served.tags)
    segment = Segment(Path(), info, 0.0, rows, served.values, served.summary, _definitions(served), served.exit_code)
    return Run([segment])


def _definitions(served: ServedRun) -> dict[str, Any]:
    """Return what is told of metrics: a list in the config, its keys the numbers of the client's own records."""
    said = served.config.get("_wandb", {}).get("value", {}).get("m", [])
    names = [entry.get("1", "") for entry in said]
    return {
        entry.get("1") or entry.get("2"): SimpleNamespace(step_metric=names[entry["5"] - 1] if "5" in entry else "")
        for entry in said
    }
