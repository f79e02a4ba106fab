"""What a file says that gives a route another place, and who is in its way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from pydantic import BaseModel

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.change import Change, ChangeKind
from sitewire.broker_config.connection import connect
from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.jetstream_api import Json, send_consumer
from sitewire.broker_config.model import Broker, Collect, Config, Embedded, Route, SinkConfig
from sitewire.broker_config.moving import MOVING_KEY, Standing, route_stands
from sitewire.broker_config.names import LEASES_BUCKET, METRICS_STREAM, PARTITIONS, consumer_name
from sitewire.broker_config.places import digest_of, in_the_way
from sitewire.broker_config.topology import apply, plan
from support.nats import NatsServer

pytestmark = pytest.mark.nats

OLD, NEW = "null:old", "null:new"
WORKER = {"host": "box", "pid": 41, "routes": ["hq"], "places": {"hq": digest_of(OLD)}}


class NoOptions(BaseModel):
    pass


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    """Connected; a route is at the old place, and has had three messages."""
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, OLD)
    yield client
    await client.close()


@pytest.fixture
def leases(client: Client) -> Bucket:
    return Bucket(client, LEASES_BUCKET)


async def declare(client: Client, place: str, *, subjects: str = "metrics.>", **how: bool) -> Change:
    route = Route("hq", (subjects,), "beginning", SinkConfig("null", NoOptions(), Path("/"), place))
    broker = Broker(embedded=Embedded(store=Path("/tmp"), max_bytes=None))
    changes = await apply(client, plan(Config(Path("x.yaml"), broker, Collect(spool=Path("/tmp")), (route,))), **how)
    return next(change for change in changes if change.what == "route hq")


async def consumers(client: Client) -> dict[str, Json]:
    found = await existing_consumers(client)
    assert found is not None
    return {name: config for name, config in found.items() if name.startswith("route-hq")}


async def worker(leases: Bucket, name: str = "w1", **more: Any) -> int:
    return await leases.create(f"worker.{name}", json.dumps({**WORKER, **more}).encode())


async def read_all(client: Client) -> int:
    """Acknowledge all that every consumer gives; return how many messages that is."""
    count = 0
    for partition in range(PARTITIONS):
        name = consumer_name("hq", partition)
        pending = (await client.jsm().consumer_info(METRICS_STREAM, name)).num_pending
        if pending:
            pull = await client.jetstream().pull_subscribe_bind(name, stream=METRICS_STREAM)
            for message in await pull.fetch(pending, timeout=5):
                await message.ack_sync()
                count += 1
            await pull.unsubscribe()
    return count


async def test_a_worker_of_the_old_place_is_named_and_waited_for(client: Client, leases: Bucket) -> None:
    for number in range(3):
        await client.jetstream().publish(f"metrics.clinic.run-{number}.scalars.{'ab' * 16}", b"x")
    assert await read_all(client) == 3
    revision = await worker(leases)
    before = await consumers(client)
    assert (await declare(client, NEW, dry_run=True)).kind is ChangeKind.UPDATED
    assert await consumers(client) == before
    for _ in range(2):
        change = await declare(client, NEW)
        words = "when the workers of the old place have stopped: process 41 on box"
        assert str(change) == f"updated route hq: moves to {NEW} {words}"
        assert route_stands(await consumers(client), "hq", NEW) is Standing.MOVING
        assert await read_all(client) == 0
    await leases.delete("worker.w1", revision)
    assert "is filled" in (await declare(client, NEW)).detail
    assert await read_all(client) == 3
    assert (await declare(client, NEW)).kind is ChangeKind.UNCHANGED
    assert await read_all(client) == 0
    assert not any(MOVING_KEY in config["metadata"] for config in (await consumers(client)).values())


async def test_who_comes_back_with_an_older_file_takes_nothing_back_and_changes_nothing(client: Client) -> None:
    await declare(client, NEW)
    before = await consumers(client)
    change = await declare(client, OLD, subjects="metrics.clinic.>", move=False)
    assert change.kind is ChangeKind.REFUSED
    assert f"from {OLD} to {NEW}" in change.detail
    assert await consumers(client) == before
    assert (await declare(client, OLD, subjects="metrics.clinic.>")).kind is ChangeKind.UPDATED
    assert route_stands(await consumers(client), "hq", OLD) is Standing.OURS
    subjects = {subject for config in (await consumers(client)).values() for subject in config["filter_subjects"]}
    assert {subject.split(".")[2] for subject in subjects} == {"clinic"}


async def test_who_comes_back_with_the_newer_file_does_what_was_left_undone(client: Client, leases: Bucket) -> None:
    revision = await worker(leases)
    await declare(client, NEW)
    assert "moves to" in (await declare(client, NEW, move=False)).detail
    await leases.delete("worker.w1", revision)
    assert "is filled" in (await declare(client, NEW, move=False)).detail
    assert route_stands(await consumers(client), "hq", NEW) is Standing.OURS


@pytest.mark.parametrize("made_by", ["before places were told", "nobody"])
async def test_a_consumer_that_does_not_say_whose_it_is_is_given_to_the_place(client: Client, made_by: str) -> None:
    name = consumer_name("hq", 3)
    config = (await consumers(client))[name]
    metadata = {} if made_by == "nobody" else {"sitewire.start": "beginning"}
    await send_consumer(client, METRICS_STREAM, {**config, "metadata": metadata}, "update")
    assert (await declare(client, OLD)).kind is ChangeKind.UPDATED
    assert route_stands(await consumers(client), "hq", OLD) is Standing.OURS


async def test_only_who_delivers_the_route_elsewhere_is_in_the_way(client: Client, leases: Bucket) -> None:
    await worker(leases, "here", places={"hq": digest_of(NEW)})
    await worker(leases, "other", routes=["b"], places={"b": digest_of(OLD)})
    await worker(leases, "idle", routes=[], places={})
    await worker(leases, "strange", routes="hq")
    for number, data in enumerate((b"", b"{", b"[]", b"\xff", b"[" * 5000)):
        await leases.create(f"worker.bad{number}", data)
    await leases.create("unit.route-hq-p0", json.dumps(WORKER).encode())
    assert await in_the_way(client, "hq", NEW) == ()
    old = {"host": "far", "pid": 7, "routes": ["hq"]}  # of a build that did not say where
    await leases.create("worker.older", json.dumps(old).encode())
    await worker(leases, "there", leaving=True)  # what it has is not handed over yet
    await worker(leases, "vague", places=["hq"], host={}, pid=None)
    assert await in_the_way(client, "hq", NEW) == (
        "process 7 on far",
        "process 41 on box",
        "process None on {}",
    )
