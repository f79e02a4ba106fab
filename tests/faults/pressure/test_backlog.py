"""Ten million records that wait in the broker, and then workers come: all there, and no process holds more for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from support.pressure.backlog import measure

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
RECORDS: Final = 10_000_000 if FULL else 200_000

MOST_MIB: Final = 450
"""Resident, of each process: a worker holds eight partitions with 2 MiB of messages each, as Python objects."""

SAME: Final = 1.3
"""Ten times the backlog may need so many times the memory, where a tenth is enough to fill what is bounded."""

MOST_OF_BROKER: Final = 320
"""MiB of its own, of nats-server: it is told to stay below 256, and uses them before it collects its garbage."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if FULL else 600)]


def test_a_backlog_is_delivered_whole_and_costs_no_more_memory_than_a_tenth_of_it(
    tmp_path: Path, note: Callable[[str], None]
) -> None:
    large = measure(tmp_path / "large", RECORDS)
    note(str(large))
    assert large.verdict.exact, large.verdict
    assert max(large.peaks.values()) < MOST_MIB, large.peaks
    if FULL:  # what is bounded is full with a million records, and not with twenty thousand
        small = measure(tmp_path / "small", RECORDS // 10)
        note(str(small))
        assert small.verdict.exact, small.verdict
        assert large.own["broker"] < MOST_OF_BROKER, large.own
        others = {role: most for role, most in large.own.items() if role != "broker"}
        grown = {role: most for role, most in others.items() if most > SAME * small.own[role]}
        assert not grown, (large.own, small.own)
