"""One partition of a route over a real server, with a sink that can be told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import Sink
from support.memory_sink import MemorySink, Place, Running
from support.nats import NatsServer
from support.stream import RUN, declare, partition_of, route


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, route())
    yield client
    await client.close()


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def running(client: Client, place: Place) -> Running:
    """``async with running():`` has the partition of ``RUN`` delivered to the place, and stopped in order."""

    @asynccontextmanager
    async def run(
        sink: Sink | None = None, start: int | None = None, generation: Callable[[], int] = int
    ) -> AsyncIterator[RoutePartition]:
        stop = asyncio.Event()
        owner = RoutePartition(client, "hq", partition_of(RUN), sink or MemorySink(place), start, generation)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(owner.run(stop))
            yield owner
            stop.set()

    return run
