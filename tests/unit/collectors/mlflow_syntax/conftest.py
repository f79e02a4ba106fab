"""The syntax in a process that has used it never before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.collectors import lifecycle, process_runs
from sitewire.collectors.mlflow import active, experiments, tracking_uri
from sitewire.collectors.mlflow.known_runs import KnownRuns, known_runs


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, spool: Path) -> Iterator[None]:
    for name in ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.setenv(name, "")  # so that what a test sets is taken back
        monkeypatch.delenv(name)
    for name, value in (("SPOOL", str(spool)), ("RUN", "job"), ("SITE", "clinic")):
        monkeypatch.setenv(f"SITEWIRE_{name}", value)
    process_runs._runs.forget()
    fresh = KnownRuns()
    for attribute in ("_runs", "_latest", "_waiting"):
        monkeypatch.setattr(known_runs, attribute, getattr(fresh, attribute))
    monkeypatch.setattr(experiments, "_chosen", {})
    monkeypatch.setattr(tracking_uri, "_given", {})
    yield
    active.here.stack.clear()
    active.here.last = None
    for known in known_runs._runs.values():
        known.run.finish()
    lifecycle.finish_forgotten()
    process_runs._runs.forget()
