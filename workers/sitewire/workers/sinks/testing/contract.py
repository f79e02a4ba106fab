"""The contract, all tests of it."""

from __future__ import annotations

from sitewire.workers.sinks.testing.endings import EndingTests
from sitewire.workers.sinks.testing.forms import FormTests
from sitewire.workers.sinks.testing.interruptions import InterruptionTests
from sitewire.workers.sinks.testing.positions import PositionTests


class SinkContract(PositionTests, FormTests, EndingTests, InterruptionTests):
    """What holds of every sink; ``hooks.SinkHooks`` says what a subclass tells of its own."""
