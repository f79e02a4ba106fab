"""Connections over links that go bad: given up soon and for a reason, and what waits for them waits no longer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config import connection, patient_client
from sitewire.broker_config.connection import Endpoint, EventKind, connect
from sitewire.broker_config.errors import BrokerTimeout, mapped_errors
from sitewire.broker_config.patient_client import pause
from support.links.connection import Side
from support.links.link import Link, link_to
from support.links.weather import Way
from support.nats import NatsServer

pytestmark = pytest.mark.nats

LONG = 60.0  # seconds: what would take that long has not been noticed


@pytest.fixture
def link(nats_server: NatsServer) -> Iterator[Link]:
    with link_to(nats_server.port) as link:
        yield link


class Heard:
    """What is said of a connection."""

    def __init__(self) -> None:
        self.events: list[EventKind] = []
        self._came = asyncio.Event()

    def take(self, kind: EventKind, _text: str) -> None:
        self.events.append(kind)
        self._came.set()

    async def until(self, kind: EventKind) -> None:
        async with asyncio.timeout(20):
            while kind not in self.events:
                self._came.clear()
                await self._came.wait()


async def over(link: Link, heard: Callable[[EventKind, str], None] | None = None) -> Client:
    return await connect(Endpoint(link.url), name="test", on_event=heard)


@asynccontextmanager
async def more_written_than_can_be_sent(client: Client) -> AsyncIterator[None]:
    """Publish until every buffer on the way is full, and go on."""
    enough = asyncio.Event()
    publishing = asyncio.create_task(_publish(client, enough))
    async with asyncio.timeout(20):
        while not cast("Any", client)._transport._io_writer.transport.get_write_buffer_size():
            await asyncio.sleep(0.01)
    yield
    enough.set()  # nats-py swallows a cancellation while it flushes
    publishing.cancel()
    await asyncio.wait([publishing])


async def _publish(client: Client, enough: asyncio.Event) -> None:
    with suppress(nats.errors.Error):
        while not enough.is_set():
            await client.publish("anything", bytes(65536))


async def _heard(_message: Msg) -> None:
    pass


async def test_a_dead_link_is_given_up_though_what_was_written_cannot_be_sent(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS", 0.2)
    heard = Heard()
    client = await over(link, heard.take)
    link.lose(Side.SERVER)  # nobody will ever read what is sent there
    async with more_written_than_can_be_sent(client):
        await heard.until("reconnected")
    await client.flush(10)
    await client.close()


async def test_a_connection_that_is_not_to_come_back_ends_though_what_was_written_cannot_be_sent(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PING_SECONDS", 0.2)
    heard = Heard()
    client = await connect(Endpoint(link.url), name="test", on_event=heard.take, comes_back=False)
    link.lose(Side.SERVER)
    async with more_written_than_can_be_sent(client):
        await heard.until("closed")


async def test_who_closes_while_there_is_no_connection_does_so_though_something_was_to_be_sent(link: Link) -> None:
    heard = Heard()
    client = await over(link, heard.take)
    link.cut()
    await heard.until("disconnected")
    await client.publish("anything", b"to nobody")
    await client.close()
    assert heard.events[-1] == "closed"


async def test_a_link_that_carries_nothing_does_not_keep_who_closes(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient_client, "CLOSE_SECONDS", 0.5)
    before = asyncio.all_tasks()
    client = await over(link)
    await client.subscribe("anything", cb=_heard)
    link.hold()
    async with more_written_than_can_be_sent(client), asyncio.timeout(10):
        await client.publish("anything", b"one more, which is not written yet")
        await client.close()
    assert client.is_closed
    left = asyncio.all_tasks() - before
    assert not left or not (await asyncio.wait(left, timeout=5))[1]  # each would hold the client for ever


async def test_a_request_ends_with_the_connection_that_its_answer_was_to_come_on(link: Link) -> None:
    client = await over(link)
    link.hold(Way.DOWN)
    asking = asyncio.create_task(client.request("$JS.API.INFO", timeout=LONG))
    await asyncio.sleep(0.3)  # so that it is on its way
    link.reset()
    async with asyncio.timeout(10):
        with pytest.raises(BrokerTimeout), mapped_errors():
            await asking
    link.heal()
    await client.close()


async def test_a_slow_link_that_carries_messages_is_not_given_up_for_want_of_answers_to_pings(
    link: Link, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await connect(nats_server.endpoint, name="sender")
    monkeypatch.setattr(connection, "PING_SECONDS", 0.4)
    heard, came = Heard(), asyncio.Event()
    client = await over(link, heard.take)
    left = iter(range(59, -1, -1))

    async def take(_message: object) -> None:
        if next(left) == 0:
            came.set()

    await client.subscribe("slow", cb=take)
    await client.flush()
    link.throttle(64_000, Way.DOWN)
    for _ in range(60):
        await sender.publish("slow", bytes(4096))  # four seconds of messages, and an answer to a ping behind them
    await asyncio.wait_for(came.wait(), 20)
    assert heard.events == []
    await client.close()
    await sender.close()


async def test_a_pause_ends_when_the_connection_is_back(link: Link) -> None:
    client = await over(link)
    began = time.monotonic()
    pausing = asyncio.create_task(pause(client, LONG))
    await asyncio.sleep(0.1)
    link.reset()
    await pausing
    assert 0.1 < time.monotonic() - began < LONG / 2
    await client.close()
