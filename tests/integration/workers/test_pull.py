"""Pull requests on a durable consumer of a real server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.errors import BrokerError, Temporary
from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.broker_config.patient_client import PatientClient
from sitewire.schemas.subject import Subject
from sitewire.workers import pull
from sitewire.workers.pull import Pull
from support.links.link import link_to
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, declare, partition_of, route, send

pytestmark = pytest.mark.nats

CONSUMER = consumer_name("hq", partition_of(RUN))


@pytest.fixture
async def messages(client: Client) -> AsyncIterator[Pull]:
    async with Pull(client, METRICS_STREAM, CONSUMER).subscribed() as messages:
        yield messages


async def collect(messages: Pull, count: int, *, ack: bool = True) -> list[int]:
    """Fetch until there are that many; return their stream sequences."""
    found: list[Msg] = []
    async with asyncio.timeout(30):
        while len(found) < count:
            for message in await messages.fetch(100):
                found.append(message)
                if ack:
                    await message.ack()
    return [message.metadata.sequence.stream for message in found]


async def test_more_messages_than_a_request_asks_for_come_in_the_order_of_the_stream(
    client: Client, messages: Pull
) -> None:
    count = pull.BATCH * 2 + 7
    for first in range(count):
        await send(client, first, first + 1)
    assert await collect(messages, count) == list(range(1, count + 1))


async def test_more_bytes_than_a_request_takes_come_all_the_same(
    client: Client, messages: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "MAX_BYTES", 100_000)
    for _ in range(20):
        await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), bytes(30_000))
    assert await collect(messages, 20) == list(range(1, 21))


async def test_a_fetch_takes_no_more_than_its_limit_and_the_rest_waits(client: Client, messages: Pull) -> None:
    for first in range(10):
        await send(client, first, first + 1)
    await collect(messages, 0)
    taken: list[int] = []
    while len(taken) < 10:
        part = await messages.fetch(3)
        assert len(part) <= 3
        taken += [message.metadata.sequence.stream for message in part]
    assert taken == list(range(1, 11))


async def test_nothing_to_fetch_is_an_empty_list_and_the_next_message_comes_at_once(
    client: Client, messages: Pull
) -> None:
    assert await messages.fetch(10) == []
    fetching = asyncio.create_task(collect(messages, 1))
    await asyncio.sleep(0.2)
    begin = time.monotonic()
    await send(client, 0, 1)
    assert await fetching == [1]
    assert time.monotonic() - begin < 1


async def test_a_request_that_has_expired_is_followed_by_another(
    client: Client, messages: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "EXPIRES", 1.0)
    monkeypatch.setattr(pull, "HEARTBEAT", 0.4)
    for _ in range(6):
        assert await messages.fetch(10) == []
    await send(client, 0, 1)
    assert await collect(messages, 1) == [1]


async def test_a_killed_server_is_asked_again_when_it_is_back(
    client: Client, messages: Pull, nats_server: NatsServer
) -> None:
    await send(client, 0, 1)
    assert await collect(messages, 1) == [1]
    fetching = asyncio.create_task(collect_in_spite_of_trouble(messages, 1))
    await nats_server.restart_async()
    async with asyncio.timeout(30):
        while True:
            try:
                await send(client, 1, 2)
                break
            except Exception:  # noqa: BLE001  nats-py's, until it has reconnected
                await asyncio.sleep(0.1)
        assert (await fetching)[-1] >= 2


async def test_a_server_that_stops_answering_is_asked_again_without_a_disconnect(
    client: Client, messages: Pull, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 0.2)
    nats_server.pause()
    assert await messages.fetch(10) == []
    nats_server.resume()
    await send(client, 0, 1)
    assert await collect(messages, 1) == [1]


async def test_a_consumer_that_is_deleted_is_named_and_served_again_when_it_is_made_again(
    client: Client, messages: Pull
) -> None:
    await client.jsm().delete_consumer(METRICS_STREAM, CONSUMER)
    with pytest.raises(BrokerError, match="broker apply") as raised:
        await collect(messages, 1)
    assert isinstance(raised.value, Temporary)
    await declare(client, route())
    await send(client, 0, 1)
    assert await collect_in_spite_of_trouble(messages, 1) == [1]


async def test_no_message_of_a_request_is_lost_at_its_boundary(
    client: Client, messages: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "BATCH", 1)
    for first in range(30):
        await send(client, first, first + 1)
    assert await collect(messages, 30) == list(range(1, 31))


async def collect_in_spite_of_trouble(messages: Pull, count: int) -> list[int]:
    async with asyncio.timeout(30):
        while True:
            try:
                return await collect(messages, count)
            except Temporary:
                await asyncio.sleep(0.05)


async def test_a_broker_that_comes_back_is_not_asked_for_more_than_fits(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 0.1)
    monkeypatch.setattr(pull, "BATCH", 10)
    for first in range(100):
        await send(client, first, first + 1)
    async with Pull(client, METRICS_STREAM, CONSUMER).subscribed() as messages:
        await asyncio.to_thread(nats_server.kill)
        for _ in range(10):
            assert await messages.fetch(1) == []
        await asyncio.to_thread(nats_server.start)
        async with asyncio.timeout(20):
            while not await messages.fetch(1):
                pass
        await asyncio.sleep(0.5)
        assert len(await messages.fetch(100)) < 10


async def test_nothing_is_asked_for_while_the_lease_has_lapsed(client: Client) -> None:
    left = -1.0
    await send(client, 0, 1)
    async with Pull(client, METRICS_STREAM, CONSUMER, lambda: left).subscribed() as messages:
        for _ in range(3):
            assert await messages.fetch(1) == []
        assert await _asked(client) == 0
        left = 6.0
        assert await collect(messages, 1) == [1]


async def test_no_request_outlives_the_lease(client: Client) -> None:
    began = time.monotonic()
    async with Pull(client, METRICS_STREAM, CONSUMER, lambda: began + 0.7 - time.monotonic()).subscribed() as messages:
        fetching = asyncio.create_task(messages.fetch(1))
        async with asyncio.timeout(10):
            while not await _asked(client):
                await asyncio.sleep(0.01)
            while await _asked(client):
                await asyncio.sleep(0.01)
        assert 0.6 < time.monotonic() - began < 2
        await send(client, 0, 1)
        assert await fetching == []
        assert await messages.fetch(1) == []


async def _asked(client: Client) -> int | None:
    """Return how many requests wait at the server."""
    info = await client.jsm().consumer_info(METRICS_STREAM, CONSUMER)
    waiting: int | None = info.num_waiting
    return waiting


async def test_whoever_waits_for_messages_asks_anew_as_soon_as_the_connection_is_back(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 30.0)  # seconds: nobody is to wait for one
    with link_to(nats_server.port) as link:
        over = await connect(Endpoint(link.url), name="over a link")
        async with asyncio.timeout(20), Pull(over, METRICS_STREAM, CONSUMER).subscribed() as messages:
            fetching = asyncio.create_task(messages.fetch(10))
            await asyncio.sleep(0.2)
            link.reset()
            assert await fetching == []
            await send(client, 0, 1)
            assert await collect(messages, 1) == [1]
        await over.close()


async def test_nothing_is_asked_for_on_a_connection_of_which_nobody_has_been_told(
    client: Client, messages: Pull, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "HEARTBEAT", 0.2)
    assert isinstance(client, PatientClient)
    client.stats["reconnects"] += 1  # as it is in the moment before
    await send(client, 0, 1)
    assert await messages.fetch(10) == []
    client.came_back()
    assert await collect(messages, 1) == [1]
