"""Workers come and go: units are shared fairly, handed over, and every record is written once and in order."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import Conflict
from sitewire.broker_config.names import LEASES_BUCKET
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.view import View
from support.crew import Crew, crew_of, free, lines_route, loaded, loads
from support.nats import NatsServer

pytestmark = pytest.mark.nats


async def test_a_worker_alone_takes_everything_at_once_and_leaves_nothing_behind(crew: Crew) -> None:
    hand = crew.add()
    await hand.worker.ready.wait()
    began = time.monotonic()
    await crew.until(lambda view: loads(view) == [8])
    assert time.monotonic() - began < 1
    await hand.stop()
    view = await crew.view()
    assert not view.units
    assert not view.workers


async def test_workers_that_come_together_share_fairly_and_then_nothing_moves(crew: Crew) -> None:
    for _ in range(4):
        crew.add()
    view = await crew.until(lambda view: loads(view) == [2, 2, 2, 2])
    await asyncio.sleep(2 * lease.LEASE)
    assert owners(await crew.view()) == owners(view)


async def test_workers_come_and_go_under_load_and_every_record_is_written_once(
    crew: Crew, client: Client, tmp_path: Path
) -> None:
    first = crew.add()
    await crew.until(lambda view: loads(view) == [8])
    async with loaded(client, tmp_path / "lines"):
        second = crew.add()
        await crew.until(lambda view: loads(view) == [4, 4])
        crew.add()
        crew.add()
        await crew.until(lambda view: loads(view) == [2, 2, 2, 2])
        await asyncio.gather(first.stop(), second.stop())
        await crew.until(lambda view: loads(view) == [4, 4])
        await asyncio.sleep(0.5)


async def test_who_stops_in_order_is_followed_within_milliseconds(crew: Crew) -> None:
    hands = [crew.add() for _ in range(2)]
    await crew.until(lambda view: loads(view) == [4, 4])
    await hands[0].stop()
    began = time.monotonic()
    await crew.until(lambda view: loads(view) == [8])
    assert time.monotonic() - began < lease.LEASE / 3


async def test_who_serves_one_route_gets_nothing_of_another(
    nats_server: NatsServer, client: Client, tmp_path: Path
) -> None:
    routes = lines_route(tmp_path, "a"), lines_route(tmp_path, "b")
    async with crew_of(nats_server, client, tmp_path, *routes) as crew:
        crew.add(["a"])
        crew.add()
        view = await crew.until(lambda view: loads(view) == [8, 8])
        (half,) = [name for name, worker in view.workers.items() if worker.routes == ("a",)]
        assert all("route-a-" in unit for unit, owner in owners(view).items() if owner == half)


async def test_who_is_evicted_drops_everything_and_comes_back_under_another_name(
    crew: Crew, client: Client, tmp_path: Path
) -> None:
    crew.add()
    crew.add()
    view = await crew.until(lambda view: loads(view) == [4, 4])
    victim = min(view.workers)
    async with loaded(client, tmp_path / "lines"):
        # As one does who has seen it stand still.
        await evict(client, victim)
        await crew.until(lambda view: victim not in view.workers and loads(view) == [4, 4])
        await asyncio.sleep(0.5)
    assert not free(await crew.view())


async def test_a_key_that_stands_still_is_evicted_and_its_units_are_taken_over(crew: Crew, client: Client) -> None:
    bucket = Bucket(client, LEASES_BUCKET)
    crew.add()
    await crew.until(lambda view: loads(view) == [8])
    began = time.monotonic()
    dead = lease.WorkerLease(host="far", pid=1, routes=("lines",))
    await bucket.create("worker.dead", lease.encode(dead))
    await crew.until(lambda view: free(view) or len(view.units) < 8)  # what it would get is handed over
    view = await crew.until(lambda view: "dead" not in view.workers and loads(view) == [8])
    assert lease.LEASE <= time.monotonic() - began < lease.LEASE + 2
    assert not free(view)


async def test_a_predecessor_whose_process_has_ended_is_not_waited_for(
    crew: Crew, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", 60.0)
    hand = crew.add()
    view = await crew.until(lambda view: loads(view) == [8])
    ((name, here),) = view.workers.items()
    await hand.stop()
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    gone = lease.WorkerLease(here.host, process.pid, here.since, here.routes, kernel=here.kernel)
    bucket = Bucket(client, LEASES_BUCKET)
    await bucket.create("worker.gone", lease.encode(gone))
    await bucket.create("worker.far", lease.encode(lease.WorkerLease("far", process.pid, kernel="far/1/pid:[1]")))
    crew.add()
    view = await crew.until(lambda view: loads(view) == [0, 8])
    assert set(view.workers) > {"far"}
    assert not {"gone", name} & set(view.workers)


def owners(view: View) -> dict[str, str | None]:
    """Return who owns each unit."""
    return {unit: view.owner(unit) for unit in view.units}


async def evict(client: Client, worker: str) -> None:
    """Delete a worker's key by compare-and-set."""
    bucket = Bucket(client, LEASES_BUCKET)
    key = lease.WORKER_KEYS + worker
    while (found := (await bucket.all(key)).get(key)) is not None:
        try:
            await bucket.delete(key, found.revision)
        except Conflict:
            continue  # it has just renewed
