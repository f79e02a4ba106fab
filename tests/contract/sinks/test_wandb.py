"""The W&B sink, offline, against the contract of sinks, read back with the tests' own reader of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing import SinkContract
from sitewire.workers.sinks.testing.hooks import Entry
from sitewire.workers.sinks.wandb import WandbSink
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb.expected import entries, expected
from support.wandb.reader import Run, read_runs

STATES = {None: EndingState.RUNNING, 0: EndingState.FINISHED, 1: EndingState.FAILED}


class TestWandbSink(SinkContract):
    sink_type = WandbSink
    ends = True
    kills = 3  # each costs a start of the client

    def options(self, place: Path) -> Mapping[str, Any]:
        return {"dir": str(place), "flush_seconds": 0}

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        run = _run(place, key)
        return [] if run is None else entries(run)

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        return expected(records)

    def read_ending(self, place: Path, key: RunKey) -> Ending:
        run = _run(place, key)
        assert run is not None
        said = run.config["sitewire"]
        assert said["state"] == STATES[run.exit]
        return Ending(STATES[run.exit], said["attempt"], said["ended"])


def _run(place: Path, key: RunKey) -> Run | None:
    return read_runs(place).get(run_id(key))
