"""L1: many trainers at a steady rate, to three trackers; the full hour is ``benchmarks/soak.py``."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from support.soak.plan import Plan
from support.soak.report import lines
from support.soak.soaking import Soak, soak

FULL: Final = bool(os.environ.get("SITEWIRE_TEST_FULL"))
PLAN: Final = Plan(60.0, 10_000) if FULL else Plan(4.0, 1_000, sites=2, runs=2, interval=1.0)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800 if FULL else 240)]


def test_all_that_was_logged_is_in_three_trackers_once_and_in_order(
    tmp_path: Path, note: Callable[[str], None]
) -> None:
    done = asyncio.run(_soak(tmp_path / "soak"))
    for line in lines(done):
        note(f"L1: {line}")
    assert done.exact, (done.verdicts, done.complaints)
    assert (
        done.verdicts["wandb"].delivered == done.verdicts["tensorboard"].delivered > done.verdicts["mlflow"].delivered
    )
    assert done.verdicts["mlflow"].delivered > 0
    if FULL:  # the short one is over before a busy machine has started all of it
        assert done.verdicts["tensorboard"].delivered > 0.9 * PLAN.seconds * PLAN.rate
        roles = {role for sample in done.samples for role in sample.processes}
        assert {"sitewire broker", "nats-server", "sitewire worker", "wandb-core", "trainer"} <= roles


async def _soak(folder: Path) -> Soak:
    return await soak(folder, PLAN, asyncio.Event())
