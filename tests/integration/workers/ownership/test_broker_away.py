"""The broker goes away, stands still, or forgets, while workers share its work."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.jetstream_api import Json
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.view import View
from support.crew import Crew, free, loaded, loads
from support.nats import NatsServer

pytestmark = pytest.mark.nats


async def test_a_broker_that_is_away_for_longer_than_a_lease_costs_nobody_its_units(
    crew: Crew, client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    before = await _two(crew)
    await asyncio.to_thread(nats_server.kill)
    await asyncio.sleep(2 * lease.LEASE)
    await asyncio.to_thread(nats_server.start)
    await _unmoved(crew, before)
    async with loaded(client, tmp_path / "lines"):
        await asyncio.sleep(0.3)


async def test_a_broker_that_stands_still_for_longer_than_a_lease_costs_nobody_its_units(
    crew: Crew, client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    before = await _two(crew)
    os.kill(nats_server.pid, signal.SIGSTOP)
    await asyncio.sleep(2 * lease.LEASE)
    os.kill(nats_server.pid, signal.SIGCONT)
    await _unmoved(crew, before)
    async with loaded(client, tmp_path / "lines"):
        await asyncio.sleep(0.3)


async def test_after_a_lost_store_the_units_are_shared_anew(
    crew: Crew, client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    before = await _two(crew)
    await asyncio.to_thread(nats_server.kill)
    await asyncio.to_thread(shutil.rmtree, nats_server.store)
    await asyncio.to_thread(nats_server.start)
    view = await crew.until(lambda view: loads(view) == [4, 4])
    assert not before.workers.keys() & view.workers.keys()
    async with loaded(client, tmp_path / "lines"):
        await asyncio.sleep(0.3)


async def test_a_worker_told_to_end_while_its_broker_comes_back_ends_though_a_library_swallows_that(
    crew: Crew, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = crew.add()
    await crew.until(lambda view: loads(view) == [8])
    looking = asyncio.Event()

    async def read_and_swallow(client: Client) -> dict[str, Json] | None:
        found = await existing_consumers(client)
        looking.set()
        with suppress(asyncio.CancelledError):  # as `asyncio.wait_for` of Python 3.11 does
            await asyncio.sleep(3600)
        return found

    monkeypatch.setattr("sitewire.workers.worker.existing_consumers", read_and_swallow)
    await asyncio.to_thread(nats_server.kill)
    await asyncio.to_thread(nats_server.start)
    async with asyncio.timeout(20):
        await looking.wait()
    async with asyncio.timeout(20):
        await hand.stop()


async def _two(crew: Crew) -> View:
    crew.add()
    crew.add()
    return await crew.until(lambda view: loads(view) == [4, 4])


async def _unmoved(crew: Crew, before: View) -> None:
    """Every worker renews again, and nobody has lost or gained anything, then and for the time of a lease."""
    await crew.until(lambda view: _moved(before, view) == set(before.workers))
    await asyncio.sleep(1.5 * lease.LEASE)
    view = await crew.view()
    assert view.workers.keys() == before.workers.keys()
    assert not free(view)
    assert view.units == before.units


def _moved(before: View, view: View) -> set[str]:
    return {name for name in view.workers if view.revisions["worker." + name] > before.revisions["worker." + name]}
