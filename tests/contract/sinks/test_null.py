"""The null sink against the contract of sinks, as far as a sink that keeps nothing can break it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sitewire.workers.sinks.null import NullSink
from sitewire.workers.sinks.testing import SinkContract


class TestNullSink(SinkContract):
    sink_type = NullSink
    keeps = False
    locks = False

    def options(self, place: Path) -> Mapping[str, Any]:
        return {}
