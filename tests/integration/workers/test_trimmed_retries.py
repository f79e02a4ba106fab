"""The stream of retries: the last message of a subject says how the next is numbered, all others may go."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import connect
from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.names import PARKED_BUCKET, RETRIES_STREAM, retry_consumer_name
from sitewire.schemas.subject import RunKey
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.trimmer.retries import trim_retries
from support.nats import NatsServer
from support.stream import RUN, declare, partition_of, route

pytestmark = pytest.mark.nats

OTHER = next(run for run in (RunKey("s", str(n)) for n in range(99)) if partition_of(run) != partition_of(RUN))


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, route())
    yield client
    await client.close()


async def retry(client: Client, count: int, run: RunKey = RUN) -> None:
    for number in range(count):
        await client.jetstream().publish(".".join(("retry", "hq", *run.tokens, "scalars")), str(number).encode())


async def commit(client: Client, count: int, run: RunKey = RUN) -> None:
    name = retry_consumer_name("hq", partition_of(run))
    subscription = await client.jetstream().pull_subscribe_bind(name, RETRIES_STREAM)
    for message in await subscription.fetch(count):
        await message.ack_sync()
    await subscription.unsubscribe()


async def left(client: Client) -> list[int]:
    """Return the sequences that are still there."""
    state = (await ask(client, f"STREAM.INFO.{RETRIES_STREAM}", {"deleted_details": True}))["state"]
    gone = set(state.get("deleted") or [])
    return [each for each in range(state["first_seq"], state["last_seq"] + 1) if each not in gone]


async def test_of_each_subject_the_last_message_stays(client: Client) -> None:
    await retry(client, 3)
    await retry(client, 2, OTHER)
    await retry(client, 1, RunKey(RUN.site, "once"))
    await commit(client, 3)
    await commit(client, 2, OTHER)
    await trim_retries(client)
    assert await left(client) == [3, 5, 6]


async def test_what_is_not_committed_stays(client: Client) -> None:
    await retry(client, 4)
    await retry(client, 2, OTHER)
    await commit(client, 2)
    await commit(client, 2, OTHER)
    await trim_retries(client)
    assert await left(client) == [3, 4, 6]


async def test_a_parked_run_s_stay(client: Client) -> None:
    await retry(client, 2)
    await retry(client, 2, OTHER)
    await commit(client, 2)
    await commit(client, 2, OTHER)
    key = parked_key("hq", partition_of(RUN), RUN)
    await Bucket(client, PARKED_BUCKET).create(key, ParkedRun(1, "x", 1.0).encode())
    await trim_retries(client)
    assert await left(client) == [1, 2, 4]


async def test_while_an_entry_of_the_bucket_cannot_be_read_all_stay(client: Client) -> None:
    await retry(client, 2)
    await commit(client, 2)
    await Bucket(client, PARKED_BUCKET).create("who.knows", b"")
    await trim_retries(client)
    assert await left(client) == [1, 2]


async def test_what_nobody_reads_yet_stays(client: Client) -> None:
    await retry(client, 2)
    await commit(client, 2)
    await ask(client, f"CONSUMER.DELETE.{RETRIES_STREAM}.{retry_consumer_name('hq', partition_of(RUN))}")
    await trim_retries(client)
    assert await left(client) == [1, 2]
