"""The TensorBoard sink against the contract of sinks, read back with TensorBoard's own file reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.testing import SinkContract
from sitewire.workers.sinks.testing.hooks import Entry
from support.event_files import expected_events, read_event_files


class TestTensorBoardSink(SinkContract):
    sink_type = TensorBoardSink

    def options(self, place: Path) -> Mapping[str, Any]:
        return {"logdir": str(place)}

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        site, run = key.tokens
        return read_event_files(place / run / site)

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        return expected_events(records)
