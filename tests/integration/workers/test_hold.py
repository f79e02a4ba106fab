"""A partition under a lease: while it has lapsed, nothing new is begun."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.schemas.receipt import StreamKey
from sitewire.workers.ownership.unit import Hold
from sitewire.workers.route import RoutePartition
from support.memory_sink import MemorySink, Place
from support.stream import RUN, SCALARS, WRITER, partition_of, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_nothing_is_reset_or_asked_for_before_the_lease_is_there(client: Client, place: Place) -> None:
    left, worked = -1.0, asyncio.Event()
    await send(client, 0, 5)
    stop = asyncio.Event()
    hold = Hold(lambda: left, worked.set, lambda _: None)
    owner = RoutePartition(client, "hq", partition_of(RUN), MemorySink(place), None, int, hold)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(owner.run(stop))
        await asyncio.sleep(0.5)
        info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
        assert (info.num_waiting, info.num_ack_pending) == (0, 0)
        assert not worked.is_set()
        left = 6.0
        await place.until(RUN, KEY, 5)
        assert worked.is_set()
        stop.set()


async def test_a_run_that_fails_alone_is_named_until_it_works(client: Client, place: Place) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    hold = Hold(lambda: 6.0, lambda: None, told.put_nowait)
    place.broken.add(RUN)
    await send(client, 0, 5)
    stop = asyncio.Event()
    owner = RoutePartition(client, "hq", partition_of(RUN), MemorySink(place), None, int, hold)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(owner.run(stop))
        assert await told.get() == f"run {RUN.run} of site {RUN.site}: a file where {RUN.run} belongs"
        place.broken.clear()
        assert await told.get() == ""
        await place.until(RUN, KEY, 5)
        assert told.empty()
        stop.set()
