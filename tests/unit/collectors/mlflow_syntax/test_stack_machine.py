"""Started, resumed, ended and logged in whatever order: each value arrives once, in the run that it was meant for."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from sitewire.collectors import mlflow, process_runs
from sitewire.collectors.mlflow.active import here
from sitewire.collectors.mlflow.known_runs import known_runs
from sitewire.collectors.process_runs import numbered
from support.trainer import writers

_STATUSES: Final = ("FINISHED", "FAILED", "KILLED", "RUNNING")


class Program(RuleBasedStateMachine):
    """One thread of a program, and what the original would answer it."""

    def __init__(self) -> None:
        super().__init__()
        self._place = TemporaryDirectory()
        os.environ["SITEWIRE_SPOOL"] = self._place.name
        process_runs._runs.forget()
        known_runs._runs.clear()
        self.stack: list[str] = []
        self.status: dict[str, str] = {}
        self.logged: Counter[tuple[str, float]] = Counter()

    def _started(self, run: str) -> None:
        self.stack.append(run)
        self.status[run] = "RUNNING"
        assert (found := mlflow.active_run()) is not None
        assert found.info.run_id == run

    def _next(self) -> str:
        return numbered("job", len(self.status) + 1)

    @rule(nested=st.booleans())
    def start(self, nested: bool) -> None:
        if self.stack and not nested:
            with pytest.raises(mlflow.MlflowException, match=f"{self.stack[0]} is already active"):
                mlflow.start_run()
        else:
            mlflow.start_run(nested=nested)
            self._started(self._next())

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(sorted(self.status)))
        mlflow.start_run(run_id=run, nested=True)
        self._started(run)

    @rule(status=st.sampled_from(_STATUSES))
    def end(self, status: str) -> None:
        mlflow.end_run(status)
        if self.stack:
            self.status[self.stack.pop()] = status
        assert (None if (active := mlflow.active_run()) is None else active.info.run_id) == (
            self.stack[-1] if self.stack else None
        )

    @rule()
    def log(self) -> None:
        value = float(self.logged.total())
        mlflow.log_metric("loss", value)
        if not self.stack:
            self._started(self._next())
        self.logged[self.stack[-1], value] += 1

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def log_by_id(self, data: st.DataObject) -> None:
        run, value = data.draw(st.sampled_from(sorted(self.status))), float(self.logged.total())
        mlflow.log_metric("loss", value, run_id=run)
        self.logged[run, value] += 1

    @rule()
    def compare(self) -> None:
        assert {run: mlflow.get_run(run).info.status for run in self.status} == self.status

    def teardown(self) -> None:
        here.stack.clear()
        for known in known_runs._runs.values():
            assert known.run.refused == {}
            known.run.finish()
        found = Counter(
            (written.directory.identity.run, float(str(record.value)))
            for written in writers(Path(self._place.name))
            for record in written.scalars
        )
        self._place.cleanup()
        assert found == self.logged


TestProgram = Program.TestCase
TestProgram.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
