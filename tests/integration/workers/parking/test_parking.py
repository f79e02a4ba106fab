"""Runs in trouble: parked, so that they stop nobody, and read again from the stream when that is over."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import Subject, new_writer
from sitewire.workers import detour, gaps, parking, reporting, route, run_delivery, way_back
from support.memory_sink import Place, Running
from support.parking import back, moving, parked
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, receipt_of, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_a_run_that_fails_is_parked_and_catches_up_without_a_gap_when_it_is_mended(
    client: Client, place: Place, running: Running, bucket: Bucket
) -> None:
    place.broken.add(RUN)
    async with running(), moving(client, place):
        first = await send(client, 0, 10)
        entry = await parked(bucket)
        assert (entry.sequence, entry.reason) == (first, "a file where job belongs")
        for at in range(10, 100, 10):
            await send(client, at, at + 10)
        await asyncio.sleep(0.3)  # they are acknowledged unread
        assert (await parked(bucket)).sequence == first
        place.broken.clear()
        await place.until(RUN, KEY, 100)
        await back(bucket)
        await send(client, 100, 110)
        await place.until(RUN, KEY, 110)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(110))
    assert (await receipt_of(client)).duplicates == 0


@pytest.mark.parametrize("moment", ["open", "commit"])
async def test_a_run_that_hangs_is_parked_and_goes_on_when_its_attempt_comes_back(
    client: Client, place: Place, running: Running, bucket: Bucket, moment: str
) -> None:
    gate = asyncio.Event()
    if moment == "open":
        place.gates[RUN] = gate
    else:

        async def hang() -> None:
            task = asyncio.current_task()
            if task is not None and f"{RUN.run}/" in task.get_name():
                await gate.wait()

        place.before_commit = hang
    async with running(), moving(client, place):
        first = await send(client, 0, 10)
        entry = await parked(bucket)
        assert (entry.sequence, entry.reason) == (first, run_delivery.HANGS)
        await send(client, 10, 20)
        await asyncio.sleep(0.1)
        gate.set()
        await place.until(RUN, KEY, 20)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(20))
    assert (await receipt_of(client)).duplicates == 0


async def test_a_run_alone_is_not_parked_while_its_partition_has_room(
    client: Client, place: Place, running: Running, bucket: Bucket
) -> None:
    place.broken.add(RUN)
    async with running():
        await send(client, 0, 10)
        await asyncio.sleep(0.5)
        assert not await bucket.all()
        place.broken.clear()
        await place.until(RUN, KEY, 10)


async def test_gaps_holes_writers_and_classes_of_a_parked_run_are_what_they_are_of_any_other(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    late, events = new_writer(), StreamKey(WRITER, RecordClass.RUN)
    place.broken.add(RUN)
    async with running(), moving(client, place):
        await send(client, 0, 10)
        await parked(bucket)
        await send(client, 20, 30, holes=[Hole(HoleName.DROPPED, 22, 3)])
        await send(client, 0, 50, writer=late)
        start = encode_envelope(WRITER, RecordClass.RUN, 0, [pack_record(Record(Kind.TAG, "a", "b", 1.7e9))])
        await client.jetstream().publish(str(Subject(RUN, RecordClass.RUN, WRITER)), start)
        await send(client, 40, 50)
        await send(client, 10, 20)  # out of order
        await tell(client, {SCALARS: (50, 50, 40)})  # 30 to 39 will not come
        place.broken.clear()
        await place.until(RUN, KEY, 50)
        await place.until(RUN, events, 1)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [*range(22), *range(25, 30), *range(40, 50)]
    assert place.indexes[RUN, StreamKey(late, SCALARS)] == list(range(50))
    assert (await receipt_of(client)).positions[KEY].holes == {HoleName.DROPPED: 3, HoleName.EXPIRED: 10}


async def test_on_a_long_way_back_receipts_say_how_far_the_run_has_come(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else shows that it goes on: ten million records took minutes on a busy machine."""
    monkeypatch.setattr(reporting, "PERIOD", 0.0)
    monkeypatch.setattr(detour, "READ_BYTES", 1000)
    go_on = asyncio.Event()

    async def stand_still() -> None:
        if len(place.indexes[RUN, KEY]) >= 50:
            await go_on.wait()

    place.before_commit = stand_still
    place.broken.add(RUN)
    async with running(), moving(client, place):
        for at in range(0, 100, 10):
            await send(client, at, at + 10)
        await parked(bucket)
        place.broken.clear()
        await place.until(RUN, KEY, 50)
        try:
            receipt = await receipt_of(client)
            assert receipt.positions[KEY].next >= 20
            assert await bucket.all()  # it is on its way
        finally:
            go_on.set()
        await place.until(RUN, KEY, 100)
        await back(bucket)
    assert place.indexes[RUN, KEY] == list(range(100))


async def test_a_run_that_waits_for_much_stops_nobody_and_gets_what_comes_late(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(route, "MOST_WAITING", 20_000)
    monkeypatch.setattr(detour, "READ_BYTES", 10_000)
    await tell(client, {SCALARS: (5000, 5000, 0)})
    async with running(), moving(client, place):
        await send(client, 0, 10)
        for at in range(100, 1100, 100):
            await send(client, at, at + 100)
        assert (await parked(bucket)).reason == way_back.MISSING
        for at in range(1100, 1500, 100):
            await send(client, at, at + 100)
        await send(client, 10, 100)
        await place.until(RUN, KEY, 1500)
        await back(bucket)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(1500))


async def test_runs_that_fail_together_do_not_fill_their_partition(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_WAITING", 20_000)
    monkeypatch.setattr(parking, "PARK_AFTER", 3600.0)
    good, *broken = neighbours(21)
    place.broken |= set(broken)
    for at in range(0, 500, 100):
        for run in broken:
            await send(client, at, at + 100, run=run)
    await send(client, 0, 10, run=good)
    async with running():
        await place.until(good, KEY, 10)
        assert len(await bucket.all()) > 10
        place.broken.clear()
        for run in broken:
            await place.until(run, KEY, 500)
        await back(bucket)
        await acknowledged(client)
    for run in broken:
        assert place.indexes[run, KEY] == list(range(500))


async def test_runs_that_hang_together_do_not_fill_their_partition(
    client: Client, place: Place, running: Running, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_WAITING", 20_000)
    monkeypatch.setattr(parking, "STANDS_STILL", 0.1)
    monkeypatch.setattr(parking, "HANGS_AFTER", 3600.0)
    good, *hanging = neighbours(21)
    gate = asyncio.Event()
    place.gates |= dict.fromkeys(hanging, gate)
    for at in range(0, 500, 100):
        for run in hanging:
            await send(client, at, at + 100, run=run)
    await send(client, 0, 10, run=good)
    async with running():
        await place.until(good, KEY, 10)
        assert len(await bucket.all()) > 10
        gate.set()
        for run in hanging:
            await place.until(run, KEY, 500)
        await back(bucket)
        await acknowledged(client)
    for run in hanging:
        assert place.indexes[run, KEY] == list(range(500))
