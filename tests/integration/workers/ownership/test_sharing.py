"""Workers come and go: units are shared fairly, handed over, and every record is written once."""

from __future__ import annotations

import asyncio
import time

import pytest

from support.crew import Crew, loads

pytestmark = pytest.mark.nats


async def test_a_worker_alone_takes_everything_at_once(crew: Crew) -> None:
    hand = crew.add()
    await hand.worker.ready.wait()
    began = time.monotonic()
    await crew.until(lambda view: loads(view) == [8])
    assert time.monotonic() - began < 1
    await hand.stop()
    assert (await crew.view()).units == {}
    assert (await crew.view()).workers == {}


async def test_workers_that_come_together_share_fairly(crew: Crew) -> None:
    for _ in range(4):
        crew.add()
    view = await crew.until(lambda view: loads(view) == [2, 2, 2, 2])
    await asyncio.sleep(1)
    assert (await crew.view()).revisions.items() >= {
        key: revision for key, revision in view.revisions.items() if key.startswith("unit.")
    }.items()  # and nothing moves any more
