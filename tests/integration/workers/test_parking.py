"""Runs in trouble: parked, so that they stop nobody, and read again from the stream when that is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, new_writer
from sitewire.workers import detour, gaps, parking, point, route, run_delivery, way_back
from sitewire.workers.parked_book import ParkedBook
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.point import Point
from support.memory_sink import Place, Running
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, receipt_of, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "PARK_AFTER", 0.05)
    monkeypatch.setattr(parking, "HANGS_AFTER", 0.1)
    monkeypatch.setattr(parking, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(run_delivery, "TRY_AGAIN", 0.1)
    monkeypatch.setattr(detour, "MOVE_EVERY", 0.0)


@pytest.fixture
def bucket(client: Client) -> Bucket:
    return Bucket(client, PARKED_BUCKET)


def key_of(run: RunKey = RUN) -> str:
    return parked_key("hq", partition_of(run), run)


async def parked(bucket: Bucket, run: RunKey = RUN) -> ParkedRun:
    """Wait until a run is parked; return its entry."""
    async with asyncio.timeout(20):
        while (entry := (await bucket.all()).get(key_of(run))) is None:
            await asyncio.sleep(0.01)
    return ParkedRun.decode(entry.value)


async def back(bucket: Bucket) -> None:
    """Wait until no run is parked."""
    async with asyncio.timeout(20):
        while await bucket.all():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def moving(client: Client, place: Place) -> AsyncIterator[None]:
    """A neighbour that goes on as long as the block runs; at its end all that it sent is there."""
    (other,) = neighbours(1)
    stop = asyncio.Event()
    sent = 0

    async def go_on() -> None:
        nonlocal sent
        while not stop.is_set():
            await send(client, sent, sent + 10, run=other)
            sent += 10
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        going = group.create_task(go_on())
        yield
        stop.set()
        await going
        await place.until(other, KEY, sent)
    assert place.indexes[other, KEY] == list(range(sent))


@contextmanager
def dying_at(where: Point) -> Iterator[list[Point]]:
    """Have whoever reaches a point die there, as its owner does then; the list says when it did."""
    reached: list[Point] = []

    def die(at: Point) -> None:
        if at is where and not reached:
            reached.append(at)
            message = "the end"
            raise RuntimeError(message)

    point.install(die)
    try:
        yield reached
    finally:
        point._handlers.remove(die)


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
