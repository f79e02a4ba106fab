"""What is sent again: delivered to the place that had refused it, once, whoever dies, parked or not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from nats.aio.client import Client

from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.jetstream_api import send_consumer
from sitewire.broker_config.moving import SINK_KEY, mark
from sitewire.broker_config.names import METRICS_STREAM, RETRIES_STREAM, consumer_name, retry_consumer_name
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.retry import RetryOf, RetrySubject, encode_retry, new_retry_writer
from sitewire.workers import route
from sitewire.workers.errors import RouteMoved, SinkUnavailable
from sitewire.workers.fence import Fence
from sitewire.workers.ownership.tenure import first_of
from support.memory_sink import MemorySink, Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, scalar, send

pytestmark = pytest.mark.nats

AGAIN = new_retry_writer(RetryOf.RECORDS)
KEY = StreamKey(AGAIN, SCALARS)
ROUTE = RetrySubject("hq", RUN, SCALARS)


async def retry(client: Client, first: int, steps: Sequence[int], sink: str = "memory:", writer: str = AGAIN) -> int:
    envelope = encode_envelope(writer, SCALARS, first, [pack_record(scalar(step)) for step in steps])
    return (await client.jetstream().publish(str(ROUTE), encode_retry(sink, (), (), envelope))).seq


async def settled(client: Client) -> None:
    """Wait until nothing of the partition's retries is on its way."""
    async with asyncio.timeout(40):
        while True:
            name = retry_consumer_name("hq", partition_of(RUN))
            info = await client.jsm().consumer_info(RETRIES_STREAM, name)
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.02)


async def test_a_retry_is_delivered_beside_what_its_run_logs(client: Client, place: Place, running: Running) -> None:
    await send(client, 0, 5)
    await retry(client, 0, [7, 8])
    await retry(client, 2, [9])
    async with running():
        await place.until(RUN, KEY, 3)
        await place.until(RUN, StreamKey(WRITER, SCALARS), 5)
        await settled(client)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [0, 1, 2]


async def test_what_another_place_had_refused_is_none_of_ours(client: Client, place: Place, running: Running) -> None:
    await retry(client, 0, [7], sink="memory:elsewhere")
    async with running():
        await settled(client)
    assert not place.indexes


async def test_a_retry_that_is_not_acknowledged_comes_again_to_the_next_owner_and_is_written_once(
    client: Client, place: Place, running: Running
) -> None:
    await retry(client, 0, [7, 8])
    reached = asyncio.Event()

    async def stall() -> None:
        reached.set()
        await asyncio.Event().wait()

    place.behind_commit = stall
    with pytest.raises(ExceptionGroup):  # noqa: PT012  it is this block that dies
        async with running():
            await reached.wait()
            message = "the end"
            raise RuntimeError(message)

    async def go_on() -> None:
        return

    place.behind_commit = go_on
    async with running():
        await settled(client)
    assert place.indexes[RUN, KEY] == [0, 1]


async def test_a_retry_that_no_consumer_brings_is_read_from_its_stream(
    client: Client, place: Place, running: Running
) -> None:
    await retry(client, 0, [7, 8])
    consumer = retry_consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, RETRIES_STREAM)
    for message in await subscription.fetch(1):
        await message.ack_sync()
    await retry(client, 2, [9])
    async with running():
        await place.until(RUN, KEY, 3)
    assert place.indexes[RUN, KEY] == [0, 1, 2]


async def test_a_retry_that_this_build_cannot_read_waits_for_one_that_can(
    client: Client, place: Place, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    await client.jetstream().publish(str(ROUTE), b"\x81\xa1v\x02")
    await retry(client, 0, [7])
    async with running():
        await place.until(RUN, KEY, 1)
        info = await client.jsm().consumer_info(RETRIES_STREAM, retry_consumer_name("hq", partition_of(RUN)))
        assert info.num_ack_pending
    assert any("cannot be read" in record.message for record in caplog.records)


async def test_a_retry_of_a_parked_run_waits_and_is_delivered_when_it_is_back(
    client: Client, place: Place, running: Running
) -> None:
    for first in range(0, 500, 100):
        await send(client, first, first + 100)
    async with running() as owner:
        place.gates[RUN] = asyncio.Event()
        await retry(client, 0, [7, 8])
        while RUN not in owner._runs:
            await asyncio.sleep(0.01)
        delivery, _ = owner._runs[RUN]
        while not delivery.messages:
            await asyncio.sleep(0.01)
        await delivery.park()
        assert delivery.parked
        await retry(client, 2, [9])
        await acknowledged(client)  # unread
        info = await client.jsm().consumer_info(RETRIES_STREAM, retry_consumer_name("hq", partition_of(RUN)))
        assert info.num_ack_pending or info.num_pending
        place.gates[RUN].set()
        await place.until(RUN, KEY, 3)
        await place.until(RUN, StreamKey(WRITER, SCALARS), 500)
        await settled(client)
    assert place.indexes[RUN, KEY] == [0, 1, 2]
    assert place.indexes[RUN, StreamKey(WRITER, SCALARS)] == list(range(500))


async def test_a_place_that_fails_gets_the_retry_when_it_is_mended(
    client: Client, place: Place, running: Running
) -> None:
    place.on_open.append(SinkUnavailable("away"))
    place.on_commit.append(SinkUnavailable("full"))
    await retry(client, 0, [7])
    async with running():
        await settled(client)
    assert place.indexes[RUN, KEY] == [0]


async def test_retries_of_a_run_that_fails_leave_room_for_what_the_others_log(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_WAITING", 2000)
    monkeypatch.setattr(route, "MOST_AGAIN", 2000)
    (other,) = neighbours(1)
    place.broken.add(RUN)  # nothing of it comes from the metrics, so it is not parked
    for first in range(0, 400, 50):
        await retry(client, first, range(first, first + 50))
    async with running():
        while place.failures < 3:
            await asyncio.sleep(0.01)
        for first in range(0, 100, 10):
            await send(client, first, first + 10, run=other)
        async with asyncio.timeout(10):
            await place.until(other, StreamKey(WRITER, SCALARS), 100)
        place.broken.clear()
        await place.until(RUN, KEY, 400)
        await settled(client)
    assert place.indexes[RUN, KEY] == list(range(400))


async def test_a_search_for_a_retry_finds_none_that_was_for_another_place(
    client: Client, place: Place, running: Running
) -> None:
    elsewhere = new_retry_writer(RetryOf.RECORDS)
    await retry(client, 0, [1, 2], sink="memory:elsewhere", writer=elsewhere)
    await retry(client, 0, [7, 8])
    consumer = retry_consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, RETRIES_STREAM)
    for _ in range(2):
        for message in await subscription.fetch(1):
            await message.ack_sync()
    await retry(client, 2, [9])
    async with running():
        await place.until(RUN, KEY, 3)
        await settled(client)
    assert place.indexes == {(RUN, KEY): [0, 1, 2]}


async def test_what_is_for_the_place_that_the_route_moves_to_is_kept_for_it(client: Client, place: Place) -> None:
    consumer = consumer_name("hq", partition_of(RUN))
    config = (await existing_consumers(client) or {})[consumer]
    await send_consumer(client, METRICS_STREAM, {**config, "metadata": {SINK_KEY: "memory:"}}, "update")
    fence = Fence(client, "hq", partition_of(RUN), "memory:")
    owner = route.RoutePartition(client, "hq", partition_of(RUN), MemorySink(place), None, int, fence=fence)
    at_work = asyncio.create_task(owner.run(asyncio.Event()))
    await retry(client, 0, [7])
    await place.until(RUN, KEY, 1)
    await mark(client, config, "memory:elsewhere")
    await retry(client, 1, [8], sink="memory:elsewhere")
    await asyncio.wait([at_work], timeout=15)
    error = at_work.exception()
    assert isinstance(error, ExceptionGroup)
    assert isinstance(first_of(error), RouteMoved)
    info = await client.jsm().consumer_info(RETRIES_STREAM, retry_consumer_name("hq", partition_of(RUN)))
    assert (info.num_ack_pending or 0) + (info.num_pending or 0) >= 1
