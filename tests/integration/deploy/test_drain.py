"""``drain`` says that everything is delivered only when it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Broker, Collect, Config, Route, SinkConfig
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.deploy.cli.drain import drain
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt
from sitewire.schemas.subject import receipt_subject
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.sinks.null import NullOptions, NullSink
from sitewire.workers.worker import Worker
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, declare, route, send, tell

pytestmark = pytest.mark.nats

SOON = 1.0  # seconds; enough to look twice


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client)
    yield client
    await client.close()


def config_of(server: NatsServer, folder: Path, *routes: Route) -> Config:
    return Config(folder / "sitewire.yaml", Broker(url=server.url), Collect(spool=folder / "spool"), routes)


async def test_a_route_that_nobody_has_taken_up_is_not_done(
    client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    await send(client, 0, 10)
    await tell(client, {SCALARS: (10, 10, 0)}, alive=False, ended=True)
    left = await drain(config_of(nats_server, tmp_path, route()), SOON)
    assert left == ["hq: no worker has taken it up yet"]


async def test_a_route_that_begins_with_new_messages_is_not_done_before_it_has_them(
    client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    await declare(client, route(start="new"))
    await send(client, 0, 10)
    await tell(client, {SCALARS: (10, 10, 0)}, alive=False, ended=True)
    left = await drain(config_of(nats_server, tmp_path, route(start="new")), SOON)
    assert [line.partition(";")[0] for line in left] == ["hq: 1 message not acknowledged"]


async def test_an_account_that_is_older_than_the_stream_does_not_hide_what_came_since(
    client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    await declare(client, route())
    await tell(client, {SCALARS: (5, 5, 0)})
    receipt = Receipt("null:hq", {StreamKey(WRITER, SCALARS): Position(delivered=5)})
    await client.jetstream().publish(receipt_subject("hq", RUN), encode_receipt(receipt))
    await send(client, 5, 10)
    left = await drain(config_of(nats_server, tmp_path, route()), SOON)
    assert [line.partition(";")[0] for line in left] == ["hq: 1 message not acknowledged"]


async def test_nothing_is_left_when_a_worker_has_delivered_all(
    client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    whole = Route("hq", ("metrics.>",), "beginning", SinkConfig("null", NullOptions(), tmp_path, NullSink().identity))
    config = config_of(nats_server, tmp_path, whole)
    await send(client, 0, 10)
    await tell(client, {SCALARS: (10, 10, 0)}, alive=False, ended=True)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(Worker(config).run(stop))
        assert await drain(config, 20) == []
        stop.set()


async def test_a_parked_run_is_not_delivered_though_its_messages_are_acknowledged(
    client: Client, nats_server: NatsServer, tmp_path: Path
) -> None:
    config = config_of(nats_server, tmp_path, route())
    await declare(client, route(), route("another"))
    bucket = Bucket(client, PARKED_BUCKET)
    for name in ("hq", "not in the file"):
        await bucket.create(parked_key(name.replace(" ", "-"), 3, RUN), ParkedRun(1, "no such place", 1.0).encode())
    assert await drain(config, SOON) == ["hq: job of clinic is parked: no such place"]
