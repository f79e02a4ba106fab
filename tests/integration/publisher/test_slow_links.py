"""Publishers on links that are slow, or go away under a message."""

from __future__ import annotations

import asyncio
import time

import pytest
from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.connection import Endpoint
from sitewire.broker_config.errors import BrokerTimeout
from sitewire.collectors.publisher import link as publishers_link
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.publisher.sync import sync
from support.links.link import link_to
from support.links.weather import Way
from support.nats import NatsServer
from support.spool import Spool, identity, log, steps, stored

pytestmark = pytest.mark.nats

COUNT = 400


class Long(Backoff):
    """Pauses of a minute."""

    def draw(self) -> float:
        return 60.0


async def test_what_takes_longer_than_an_answer_is_waited_for_is_not_sent_for_ever(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers_link, "ACK_TIMEOUT", 0.2)
    writers = [await spool.writer() for _ in range(4)]
    for writer in writers:
        await log(writer, 0, COUNT)
        await asyncio.to_thread(writer.finish)
    with link_to(nats_server.port) as link:
        link.throttle(16_000, Way.UP)
        assert (await sync(spool.root, Endpoint(link.url), 30, lambda _: None)).records == 0
    for writer in writers:
        envelopes = await stored(client, writer.directory.path.name)
        assert steps(envelopes) == identity(COUNT)


async def test_a_pause_between_two_attempts_ends_with_the_next_connection(
    client: Client, nats_server: NatsServer
) -> None:
    with link_to(nats_server.port) as way:
        link = Link(Endpoint(way.url), "test")
        async with asyncio.timeout(30), link.open():
            while not link.generation:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            pausing = asyncio.create_task(link.pause(Long(60, 60)))
            await asyncio.sleep(0.1)
            way.reset()
            await pausing
            assert 0.1 < time.monotonic() - began < 20
            assert link.generation == 2


async def test_messages_that_nobody_acknowledged_at_the_same_time_are_one_reason_to_wait_longer(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishers_link, "ACK_TIMEOUT", 0.2)
    heard = await client.subscribe("silent")  # as a leader that is cut off: it takes them, and never answers
    link = Link(Endpoint(nats_server.url), "test")
    async with asyncio.timeout(30), link.open():

        async def seconds() -> float:
            began = time.monotonic()
            with pytest.raises(BrokerTimeout):
                await link.publish("silent", b"")
            return time.monotonic() - began

        await asyncio.gather(*(seconds() for _ in range(8)))
        assert 0.4 <= await seconds() < 5  # after eight doublings it would be 51
    await heard.unsubscribe()
