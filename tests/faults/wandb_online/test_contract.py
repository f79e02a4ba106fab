"""The W&B sink, online, against the contract of sinks, read back from the stand-in for its service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing import SinkContract
from sitewire.workers.sinks.testing.hooks import Entry
from sitewire.workers.sinks.wandb import WandbSink
from sitewire.workers.sinks.wandb.layout import run_id
from support.checker.scene import FULL
from support.wandb.expected import entries, expected
from support.wandb.served import as_run
from support.wandb.standin import ServedRun, StandIn

pytestmark = pytest.mark.skipif(not FULL, reason="a client starts twice a test; in full by `make faults`")

STATES = {"running": EndingState.RUNNING, "finished": EndingState.FINISHED, "failed": EndingState.FAILED}


class TestWandbSinkOnline(SinkContract):
    sink_type = WandbSink
    ends = True
    kills = 2  # each costs two starts of the client
    service: ClassVar[StandIn]
    key_file: ClassVar[Path]

    @pytest.fixture(autouse=True)
    def _service(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        with StandIn() as type(self).service:
            type(self).key_file = tmp_path_factory.mktemp("keys") / "key"
            self.key_file.write_text(self.service.api_key)
            yield

    def options(self, place: Path) -> Mapping[str, Any]:
        told = {"base_url": self.service.url, "entity": self.service.entity, "api_key_file": str(self.key_file)}
        return {"dir": str(place), "flush_seconds": 0, "mode": "online", **told}

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        run = self._served(key)
        return [] if run is None else entries(as_run(run))

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        without_signs = [
            record._replace(value=record.value or 0.0) for record in records
        ]  # of -0.0, which the client drops
        return expected(without_signs)

    def read_ending(self, place: Path, key: RunKey) -> Ending:
        run = self._served(key)
        assert run is not None
        said = run.values["sitewire"]
        assert said["state"] == STATES[run.state]
        return Ending(STATES[run.state], said["attempt"], said["ended"])

    def _served(self, key: RunKey) -> ServedRun | None:
        return self.service.runs.get("experiment", run_id(key))
