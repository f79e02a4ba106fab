"""The streams of dead letters and retries on a real server: what they take, refuse, and where it lands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from pydantic import BaseModel

from sitewire.broker_config.connection import connect
from sitewire.broker_config.count import count_messages
from sitewire.broker_config.errors import StreamFull, mapped_errors
from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.model import Broker, Collect, Config, Embedded, Route, SinkConfig
from sitewire.broker_config.names import (
    DEAD_STREAM,
    METRICS_STREAM,
    PARTITIONS,
    RETRIES_STREAM,
    consumer_name,
    partition_of,
    retry_consumer_name,
)
from sitewire.broker_config.topology import apply, plan
from sitewire.schemas.record import RecordClass
from sitewire.schemas.retry import RetrySubject, parse_stored_retry
from sitewire.schemas.subject import RunKey, Subject, parse_stored
from support.nats import NatsServer

pytestmark = pytest.mark.nats

SCALARS = RecordClass.SCALARS


class NoOptions(BaseModel):
    pass


def config(*names: str) -> Config:
    routes = tuple(
        Route(name, ("metrics.>",), "beginning", SinkConfig("null", NoOptions(), Path("/"), f"null:{name}"))
        for name in names
    )
    broker = Broker(embedded=Embedded(store=Path("/tmp")))
    return Config(Path("sitewire.yaml"), broker, Collect(spool=Path("/tmp")), routes)


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await apply(client, plan(config("hq")))
    yield client
    await client.close()


async def test_a_retry_has_the_partition_of_its_runs_metrics(client: Client) -> None:
    context = client.jetstream()
    for number in range(60):
        run = RunKey(f"hôpital {number}", f"job/{number % 7}")
        metrics = await context.publish(str(Subject(run, SCALARS, "ab" * 16)), b"x")
        again = await context.publish(str(RetrySubject("hq", run, SCALARS)), b"x")
        stored = await context.get_msg(METRICS_STREAM, metrics.seq)
        retried = await context.get_msg(RETRIES_STREAM, again.seq)
        partition, _ = parse_stored(str(stored.subject))
        assert parse_stored_retry(str(retried.subject)) == (partition, RetrySubject("hq", run, SCALARS))
        assert partition == partition_of(run)


async def test_the_consumer_of_a_route_and_partition_gets_its_retries_and_no_others(client: Client) -> None:
    run = RunKey("clinic", "job")
    for route in ("hq", "other"):
        await client.jetstream().publish(str(RetrySubject(route, run, SCALARS)), b"x")
    counts = [
        (await client.jsm().consumer_info(RETRIES_STREAM, retry_consumer_name("hq", partition))).num_pending
        for partition in range(PARTITIONS)
    ]
    assert counts == [int(partition == partition_of(run)) for partition in range(PARTITIONS)]


async def test_a_broker_of_before_gets_what_it_lacks_and_keeps_its_positions(client: Client) -> None:
    for stream in (DEAD_STREAM, RETRIES_STREAM):
        await client.jsm().delete_stream(stream)
    changes = {change.what: str(change) for change in await apply(client, plan(config("hq")))}
    assert changes[f"stream {DEAD_STREAM}"] == f"created stream {DEAD_STREAM}"
    assert changes["route hq"] == f"created route hq: {PARTITIONS} consumers of retries"
    assert {str(change.kind) for change in await apply(client, plan(config("hq")))} == {"unchanged"}


async def test_a_consumer_of_retries_that_somebody_changed_is_mended(client: Client) -> None:
    name = retry_consumer_name("hq", 3)
    found = (await ask(client, f"CONSUMER.INFO.{RETRIES_STREAM}.{name}"))["config"]
    body = {"stream_name": RETRIES_STREAM, "config": {**found, "max_ack_pending": 5}, "action": "update"}
    await ask(client, f"CONSUMER.CREATE.{RETRIES_STREAM}.{name}", body)
    changes = {change.what: str(change) for change in await apply(client, plan(config("hq")))}
    assert changes["route hq"] == "updated route hq: 1 consumers of retries"


async def test_a_route_that_left_the_file_is_named_once_by_both_of_its_consumers(client: Client) -> None:
    for partition in range(PARTITIONS):
        await client.jsm().delete_consumer(METRICS_STREAM, consumer_name("hq", partition))
    stale = [change for change in await apply(client, plan(config())) if change.what == "route hq"]
    assert [str(change.kind) for change in stale] == ["stale"]


async def test_a_letter_replaces_itself_and_a_full_stream_refuses_others_without_forgetting_any(
    client: Client,
) -> None:
    info = (await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["config"]
    await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", {**info, "max_bytes": 20_000})
    stored = 0
    with pytest.raises(StreamFull):  # noqa: PT012  one of them does
        for number in range(1000):
            with mapped_errors():
                await client.jetstream().publish(f"dead.hq.message.{number}", bytes(100))
            stored += 1
    assert await count_messages(client, DEAD_STREAM, "dead.hq.message.>") == stored
    await client.jetstream().publish("dead.hq.message.0", bytes(90))
    assert await count_messages(client, DEAD_STREAM, "dead.hq.message.>") == stored
    assert await count_messages(client, DEAD_STREAM, "dead.hq.record.>") == 0
    assert await count_messages(client, "NONE", "dead.>") == 0
