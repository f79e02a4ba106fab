"""Parked runs and their owners: new ones, those that die on the way, and brokers that come back."""

from __future__ import annotations

import asyncio
import time

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import new_writer
from sitewire.workers import detour, gaps, parking, route, run_delivery, way_back
from sitewire.workers.parked_book import ParkedBook
from sitewire.workers.parked_run import ParkedRun
from sitewire.workers.point import Point
from support.memory_sink import Place, Running
from support.nats import NatsServer
from support.parking import back, dying_at, key_of, moving, parked
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, receipt_of, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_a_new_owner_goes_on_with_a_parked_run_of_which_nothing_comes_any_more(
    client: Client, place: Place, running: Running, bucket: Bucket
) -> None:
    place.broken.add(RUN)
    async with running(), moving(client, place):
        for at in range(0, 50, 10):
            await send(client, at, at + 10)
        await parked(bucket)
        await acknowledged(client)
    assert await bucket.all()
    place.broken.clear()
    async with running():
        await place.until(RUN, KEY, 50)
        await back(bucket)
    assert place.indexes[RUN, KEY] == list(range(50))
    assert (await receipt_of(client)).positions[KEY].next == 50


@pytest.mark.parametrize("where", [Point.RUN_PARKED, Point.PARKED_MOVED, Point.PARKED_FORGOTTEN])
@pytest.mark.parametrize("first", [0, 10], ids=["from the first message on", "in the middle"])
async def test_an_owner_that_dies_on_the_way_loses_nothing_and_doubles_nothing(
    client: Client, place: Place, running: Running, bucket: Bucket, where: Point, first: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(detour, "READ_BYTES", 1000)
    sent = 0

    async def send_on(count: int) -> None:
        nonlocal sent
        for _ in range(0, count, 10):
            await send(client, sent, sent + 10)
            sent += 10
            heed_cancellation()
            await asyncio.sleep(0.01)

    await send_on(first)
    (other,) = neighbours(1)
    with dying_at(where) as reached, pytest.raises(ExceptionGroup):  # noqa: PT012  it is this block that dies
        async with running():
            if first:
                await place.until(RUN, KEY, first)
            place.broken.add(RUN)
            await send_on(100)
            await send(client, 0, 10, run=other)
            await parked(bucket)
            await send_on(100)
            place.broken.clear()
            await send_on(500)
            await asyncio.Event().wait()
    assert reached
    place.broken.clear()
    async with running():
        await send_on(20)
        await place.until(RUN, KEY, sent)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(sent))


async def test_a_run_that_waits_for_what_is_missing_stays_parked_whoever_dies_meanwhile(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await tell(client, {SCALARS: (1000, 1000, 0)})
    place.broken.add(RUN)
    async with running(), moving(client, place):
        first = await send(client, 10, 20)
        await parked(bucket)
        place.broken.clear()
        async with asyncio.timeout(20):
            while (await parked(bucket)).reason != way_back.MISSING:
                await asyncio.sleep(0.01)
    entry = await parked(bucket)
    assert (entry.sequence, entry.reason) == (first, way_back.MISSING)
    async with running():
        await send(client, 0, 10)
        await place.until(RUN, KEY, 20)
        await back(bucket)
    assert place.indexes[RUN, KEY] == list(range(20))


async def test_a_position_that_was_left_behind_does_not_hide_what_comes_below_it(
    client: Client, place: Place, running: Running, bucket: Bucket
) -> None:
    # As when a route is moved to another place: its consumers begin anew, and the position is of the old one.
    early = new_writer()
    await send(client, 0, 10, writer=early)  # no later message of this writer would show that it is missing
    await send(client, 0, 10)
    high = await send(client, 10, 20)
    await bucket.create(key_of(), ParkedRun(high, "of another place", 1.0).encode())
    place.broken.add(RUN)
    async with running():
        async with asyncio.timeout(20):
            while (await parked(bucket)).sequence == high:
                await asyncio.sleep(0.01)
        place.broken.clear()
        await place.until(RUN, KEY, 20)
        await place.until(RUN, StreamKey(early, SCALARS), 10)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(20))


@pytest.mark.parametrize("value", [b"junk", ParkedRun(10**9, "behind everything", 1.0).encode()])
async def test_an_entry_that_makes_no_sense_loses_nothing(
    client: Client, place: Place, running: Running, bucket: Bucket, value: bytes
) -> None:
    await send(client, 0, 10)
    await bucket.create(key_of(), value)
    async with running():
        await place.until(RUN, KEY, 10)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(10))


async def test_a_broker_that_is_started_again_changes_nothing_for_a_parked_run(
    client: Client, place: Place, running: Running, bucket: Bucket, nats_server: NatsServer
) -> None:
    generation = 0
    place.broken.add(RUN)
    async with running(generation=lambda: generation):
        async with moving(client, place):
            await send(client, 0, 10)
            await parked(bucket)
        await nats_server.restart_async()
        generation = 1  # as the worker counts a reconnect
        async with asyncio.timeout(20):
            while not client.is_connected:
                await asyncio.sleep(0.02)
        await send(client, 10, 20)
        place.broken.clear()
        await place.until(RUN, KEY, 20)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(20))


async def test_a_worker_that_stops_with_a_run_that_fails_does_not_wait_for_it(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "PARK_AFTER", 3600.0)
    place.broken.add(RUN)
    await send(client, 0, 10)
    async with running():
        async with asyncio.timeout(20):
            while not place.failures:
                await asyncio.sleep(0.01)
        begin = time.monotonic()
    assert time.monotonic() - begin < route.STOP_TIMEOUT / 2
    place.broken.clear()
    async with running():
        await place.until(RUN, KEY, 10)


async def test_what_another_owner_has_written_is_not_overwritten_with_something_higher(client: Client) -> None:
    ours, theirs = (ParkedBook(client, "hq", 3) for _ in range(2))
    await ours.store(RUN, ParkedRun(50, "ours", 1.0))
    assert await theirs.look(RUN) == ParkedRun(50, "ours", 1.0)
    await theirs.store(RUN, ParkedRun(20, "theirs", 2.0))
    assert (await ours.store(RUN, ParkedRun(60, "ours", 1.0))).sequence == 20
    assert await theirs.remove(RUN) == ParkedRun(20, "ours", 1.0)
    assert await theirs.remove(RUN) is None
    assert await ours.remove(RUN) is None
    assert await ours.runs() == []
    assert (await ours.store(RUN, ParkedRun(70, "ours", 1.0))).sequence == 70  # where a key was deleted
    assert await theirs.runs() == [RUN]
