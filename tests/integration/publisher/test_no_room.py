"""A broker that has no room: waited for, asked with little, told what waits."""

from __future__ import annotations

import asyncio
import time

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import ACCOUNTS_STREAM, METRICS_STREAM
from sitewire.collectors.publisher import drain, ledger
from sitewire.schemas.record import RecordClass
from support.nats import NatsServer
from support.publishing import account_with, started
from support.spool import Spool, account_of, identity, log, steps, stored

pytestmark = pytest.mark.nats

SCALARS = RecordClass.SCALARS


async def test_while_the_broker_has_no_room_the_account_says_what_waits_and_that_the_writer_lives(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PERIOD", 0.1)
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 50_000
    await client.jsm().update_stream(config)
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 20_000)
    account = await account_with(client, writer, 20_000)
    assert (account.alive, account.settled) == (True, False)
    await log(writer, 20_000, 20_500)
    account = await account_with(client, writer, 20_500)
    assert (account.alive, account.settled) == (True, False)
    await asyncio.to_thread(writer.finish)
    assert not await asyncio.to_thread(publisher.stop, 0.5)


async def test_a_publisher_that_is_stopped_while_the_broker_has_no_room_tells_all_that_was_logged(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "PERIOD", 3600)
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 50_000
    await client.jsm().update_stream(config)
    writer = await spool.writer()
    await log(writer, 0, 10)
    publisher = started(spool.publisher(nats_server.url), writer)
    await account_with(client, writer, 10)
    await log(writer, 10, 20_000)
    assert not await asyncio.to_thread(publisher.flush, 0.5)
    await asyncio.to_thread(writer.finish)
    assert not await asyncio.to_thread(publisher.stop, 1)
    account = await account_of(client, writer.directory.path.name)
    assert (account.ended, account.settled, account.classes[SCALARS].assigned) == (True, False, 20_000)


async def test_a_full_stream_is_waited_for_and_the_order_stays(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 100_000
    await client.jsm().update_stream(config)
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 10_000)
    assert not await asyncio.to_thread(publisher.flush, 2)
    full = await stored(client, writer.directory.path.name)
    await client.jsm().purge_stream(METRICS_STREAM)
    config.max_bytes = -1
    await client.jsm().update_stream(config)
    assert await asyncio.to_thread(publisher.flush, 30)
    envelopes = full + await stored(client, writer.directory.path.name)
    assert [item.first for item in envelopes] == sorted(item.first for item in envelopes)
    assert steps(envelopes) == identity(10_000)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)


async def test_a_publisher_that_waits_for_room_asks_with_little_and_is_back_soon(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 50_000
    await client.jsm().update_stream(config)
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 3000)
    before = await stored(client, writer.directory.path.name)
    async with asyncio.timeout(30):  # until it is down to single records and not one more has room
        while config.max_bytes - (await client.jsm().stream_info(METRICS_STREAM)).state.bytes > 150:
            await asyncio.sleep(0.05)
        before = await stored(client, writer.directory.path.name)
    await asyncio.sleep(1.5)  # the pauses have grown to their bound
    config.max_bytes = -1
    await client.jsm().update_stream(config)
    began = time.monotonic()
    assert await asyncio.to_thread(publisher.flush, 10)
    assert time.monotonic() - began < drain.ROOM_AFTER + 1
    after = await stored(client, writer.directory.path.name)
    assert steps(after) == identity(3000)
    sizes = [item.end - item.first for item in after[len(before) :]]
    assert sizes[0] == 1
    assert len(sizes) < 25  # and not one for each record
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)


async def test_a_writer_that_waits_for_room_is_not_silent(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "HEARTBEAT", 0.2)
    monkeypatch.setattr(ledger, "PERIOD", 0.1)
    writer = await spool.writer()
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 50_000
    await client.jsm().update_stream(config)
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 10_000)
    assert not await asyncio.to_thread(publisher.flush, 1)
    before = (await client.jsm().stream_info(ACCOUNTS_STREAM)).state.last_seq
    async with asyncio.timeout(10):
        while (await client.jsm().stream_info(ACCOUNTS_STREAM)).state.last_seq < before + 3:
            await asyncio.sleep(0.05)
    account = await account_of(client, writer.directory.path.name)
    assert account.alive
    assert 0 < account.classes[SCALARS].published < account.classes[SCALARS].assigned
    config.max_bytes = -1
    await client.jsm().update_stream(config)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)
    assert steps(await stored(client, writer.directory.path.name)) == identity(10_000)
