"""Indexes that are missing: read from the stream, waited for, or declared gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.workers import gaps, run_delivery
from sitewire.workers.arrival import Arrival
from sitewire.workers.stream import Stream
from support.memory_sink import Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, receipt_of, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def acknowledge(client: Client, count: int) -> None:
    """Acknowledge the first messages unread: they are never delivered again."""
    consumer = consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, METRICS_STREAM)
    for message in await subscription.fetch(count):
        await message.ack_sync()


async def test_a_gap_that_the_spool_can_still_fill_is_waited_for(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await tell(client, {SCALARS: (20, 20, 0)})
    await send(client, 0, 5)
    await send(client, 10, 20)
    async with running():
        await place.until(RUN, KEY, 5)
        await asyncio.sleep(0.5)  # several looks
        assert place.committed[RUN][KEY].next == 5
        await send(client, 5, 10)
        await place.until(RUN, KEY, 20)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(20))
    assert (await receipt_of(client)).positions[KEY].gaps == 0


async def test_a_gap_that_nobody_can_fill_any_more_is_a_hole_called_expired(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await send(client, 0, 5)
    await send(client, 10, 20)
    await tell(client, {SCALARS: (20, 20, 7)})  # 7 to 9 could still come
    async with running():
        await place.until(RUN, KEY, 5)
        await asyncio.sleep(0.3)
        assert place.committed[RUN][KEY].next == 5
        await tell(client, {SCALARS: (20, 20, 10)})
        await place.until(RUN, KEY, 20)
        await acknowledged(client)
    position = (await receipt_of(client)).positions[KEY]
    assert place.indexes[RUN, KEY] == [*range(5), *range(10, 20)]
    assert position.holes == {HoleName.EXPIRED: 5}


async def test_one_answer_that_is_out_of_date_gives_nothing_up(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that was stopped, and is none any more, answers once with what the stream was before."""
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    messages, asked = Stream.messages, []

    async def out_of_date(
        self: Stream, subject: str, start: int, end: int | None = None, **more: Callable[[int], None] | None
    ) -> AsyncIterator[Arrival]:
        asked.append(start)
        if len(asked) > 1:
            async for arrival in messages(self, subject, start, end, **more):
                yield arrival

    await tell(client, {SCALARS: (20, 20, 20)})
    for first in (0, 5, 10):
        await send(client, first, first + 5)
    await acknowledge(client, 2)  # by an owner that died before its commit reached the disk, say
    monkeypatch.setattr(Stream, "base", lambda *_: asyncio.sleep(0, 0))
    monkeypatch.setattr(Stream, "messages", out_of_date)
    async with running():
        await place.until(RUN, KEY, 15)
    assert len(asked) > 1
    assert place.indexes[RUN, KEY] == list(range(15))


@pytest.mark.parametrize("account", ["no account", "an account without this class"])
async def test_a_writer_that_nobody_accounts_for_is_not_waited_for_without_end(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch, account: str
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(gaps, "UNACCOUNTED", 0.4)
    if account != "no account":
        await tell(client, {RecordClass.RUN: (1, 1, 0)})
    await send(client, 10, 20)
    async with running():
        await place.until(RUN, KEY, 20)
    assert place.indexes[RUN, KEY] == list(range(10, 20))


async def test_what_is_missing_is_read_from_the_stream_where_a_consumer_will_not_bring_it(
    client: Client, place: Place, running: Running
) -> None:
    # Acknowledged by an owner that died before its commit reached the disk, say: never delivered again.
    await send(client, 0, 5)
    await send(client, 5, 10)
    await acknowledge(client, 2)
    await send(client, 10, 15)
    async with running():
        await place.until(RUN, KEY, 15)
    assert place.indexes[RUN, KEY] == list(range(15))


async def test_accounts_of_garbage_do_not_stop_a_gap_from_being_judged(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(gaps, "UNACCOUNTED", 0.3)
    await client.jetstream().publish(f"account.{'.'.join(RUN.tokens)}.{WRITER}", b"\xc1")
    await send(client, 4, 6)
    async with running():
        await place.until(RUN, KEY, 6)
    assert place.committed[RUN][KEY].holes == {HoleName.EXPIRED: 4}


async def test_what_a_dead_writer_never_published_is_waited_for_however_long_nothing_is_heard(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(gaps, "UNHEARD", 0.1)
    await tell(client, {SCALARS: (20, 5, 0)}, alive=False)
    await send(client, 0, 5)
    await send(client, 10, 20)
    async with running():
        await place.until(RUN, KEY, 5)
        await asyncio.sleep(0.5)  # several looks, and longer than UNHEARD
        assert place.committed[RUN][KEY].next == 5
        await tell(client, {SCALARS: (20, 20, 0)}, alive=False)
        await place.until(RUN, KEY, 20)
    assert place.indexes[RUN, KEY] == [*range(5), *range(10, 20)]


async def test_what_was_trimmed_before_a_route_began_is_expired_soon_though_the_spool_holds_it_still(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "TRIMMED", 0.1)
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    for first in range(0, 40, 10):
        await send(client, first, first + 10)
    await tell(client, {SCALARS: (40, 40, 0)})
    await client.jsm().purge_stream(METRICS_STREAM, seq=3)
    async with running(), asyncio.timeout(20):
        await place.until(RUN, KEY, 40)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(20, 40))
    assert (await receipt_of(client)).positions[KEY].holes == {HoleName.EXPIRED: 20}


async def test_a_run_that_names_the_writer_of_another_does_not_search_in_its_place(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    (other,) = neighbours(1)
    await send(client, 0, 5)
    consumer = consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, METRICS_STREAM)
    for message in await subscription.fetch(1):
        await message.ack_sync()  # by an owner of before: only the stream has it
    await send(client, 5, 10, run=other)
    await tell(client, {SCALARS: (10, 5, 0)}, run=other)
    async with running() as owner:
        while other not in owner._runs or not owner._runs[other][0].missing_since:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)  # it has searched up to the end
        await tell(client, {SCALARS: (10, 10, 10)})
        await send(client, 5, 10)
        await place.until(RUN, KEY, 10)
    assert place.indexes[RUN, KEY] == list(range(10))
