"""A partition of a route: what is delivered, in which order things happen, and what stops nobody."""

from __future__ import annotations

import asyncio
import random

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import Subject, new_writer
from sitewire.workers import run_delivery
from sitewire.workers.errors import SinkUnavailable
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.null import NullSink
from support.memory_sink import Place, Running, nothing
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, receipt_of, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_envelopes_that_overlap_and_come_twice_are_written_once(
    client: Client, place: Place, running: Running
) -> None:
    for first, end in [(0, 10), (5, 12), (0, 10), (12, 13), (3, 30)]:
        await send(client, first, end)
    async with running():
        await place.until(RUN, KEY, 30)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(30))
    assert (await receipt_of(client)).duplicates == 5 + 10 + 10


async def test_envelopes_stored_in_any_order_are_written_in_the_order_of_their_indexes(
    client: Client, place: Place, running: Running
) -> None:
    ranges = [(first, first + 10) for first in range(0, 300, 10)]
    random.shuffle(ranges)
    for first, end in ranges:
        await send(client, first, end)
    async with running():
        await place.until(RUN, KEY, 300)
    assert place.indexes[RUN, KEY] == list(range(300))


async def test_nothing_is_acknowledged_before_its_commit(client: Client, place: Place, running: Running) -> None:
    await send(client, 0, 5)
    floor: list[int] = []

    async def look() -> None:
        await asyncio.sleep(0.3)  # the server takes acknowledgements in aside
        info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
        floor.append(info.ack_floor.stream_seq if info.ack_floor else -1)

    place.before_commit = look
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    await look()
    assert floor == [0, 1]


async def test_a_worker_that_dies_between_commit_and_acknowledgement_writes_nothing_again(
    client: Client, place: Place, running: Running
) -> None:
    await send(client, 0, 5)
    reached = asyncio.Event()

    async def stall() -> None:
        reached.set()
        await asyncio.Event().wait()

    place.behind_commit = stall
    with pytest.raises(ExceptionGroup, match="unhandled errors"):  # noqa: PT012  it is this block that dies
        async with running():
            await reached.wait()
            message = "the end"
            raise RuntimeError(message)
    place.behind_commit = nothing
    await send(client, 5, 8)
    async with running():
        await place.until(RUN, KEY, 8)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(8))
    assert (await receipt_of(client)).duplicates == 5


@pytest.mark.parametrize("moment", ["on_write", "on_commit", "after_commit"])
async def test_a_sink_that_fails_is_closed_and_opened_again_and_holds_each_record_once(
    client: Client, place: Place, running: Running, moment: str
) -> None:
    getattr(place, moment).extend([SinkUnavailable("the disk is full"), RuntimeError("a fault of a library")])
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(5))
    assert place.opened[RUN] >= 2
    assert place.log.count("close") == place.opened[RUN]
    assert (await receipt_of(client)).duplicates == 0  # what a failed attempt wrote has not come twice


async def test_what_came_twice_is_counted_though_the_sink_could_not_be_opened_at_first(
    client: Client, place: Place, running: Running
) -> None:
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    await send(client, 0, 5)
    await send(client, 5, 8)
    place.on_open.append(SinkUnavailable("a mount that is late"))
    async with running():
        await place.until(RUN, KEY, 8)
        await acknowledged(client)
    assert (await receipt_of(client)).duplicates == 5


async def test_one_run_in_trouble_does_not_stop_the_others(client: Client, place: Place, running: Running) -> None:
    (other,) = neighbours(1)
    place.gates[RUN] = asyncio.Event()
    await send(client, 0, 5)
    await send(client, 0, 5, run=other)
    async with running():
        await place.until(other, KEY, 5)
        assert not place.indexes[RUN, KEY]
        place.gates[RUN].set()
        await place.until(RUN, KEY, 5)


async def test_a_kind_that_the_sink_cannot_hold_is_refused_and_counted(
    client: Client, place: Place, running: Running
) -> None:
    key = StreamKey(WRITER, RecordClass.RUN)
    kinds = [Kind.TAG, Kind.HPARAMS, Kind.TAG]
    values: dict[Kind, str | dict[str, object]] = {Kind.TAG: "text", Kind.HPARAMS: {"params": {}, "metrics": []}}
    packed = [pack_record(Record(kind, "name", values[kind], 0.0)) for kind in kinds]
    data = encode_envelope(WRITER, key.record_class, 0, packed)
    await client.jetstream().publish(str(Subject(RUN, key.record_class, WRITER)), data)
    async with running():
        await place.until(RUN, key, 3)
        await acknowledged(client)
    position = (await receipt_of(client)).positions[key]
    assert (position.delivered, position.refused, position.next) == (2, 1, 3)


async def test_holes_are_counted_by_name_and_written_as_nothing(client: Client, place: Place, running: Running) -> None:
    holes = [Hole(HoleName.DROPPED, 2, 3), Hole(HoleName.DAMAGED, 8, 1)]
    await send(client, 0, 10, holes=holes)
    async with running():
        await place.until(RUN, KEY, 10)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [0, 1, 5, 6, 7, 9]
    position = (await receipt_of(client)).positions[KEY]
    assert position.holes == {HoleName.DROPPED: 3, HoleName.DAMAGED: 1}
    assert (position.delivered, position.gaps, position.next) == (6, 4, 10)


async def test_a_route_that_begins_in_the_middle_takes_each_writer_from_its_first_message_there(
    client: Client, place: Place, running: Running
) -> None:
    late = new_writer()
    await send(client, 0, 5)
    start = await send(client, 5, 9)
    await send(client, 9, 12)
    await send(client, 0, 3, writer=late)
    # What arrives first is not what is stored first: the consumer has passed over 5 to 8.
    consumer = consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, METRICS_STREAM)
    for message in await subscription.fetch(2):
        await message.ack_sync()
    async with running(start=start):
        await place.until(RUN, KEY, 12)
        await place.until(RUN, StreamKey(late, SCALARS), 3)
    assert place.indexes[RUN, KEY] == list(range(5, 12))
    assert place.committed[RUN][KEY].base == 5
    assert place.committed[RUN][StreamKey(late, SCALARS)].base == 0


async def test_positions_of_a_sink_without_a_memory_come_from_the_receipt(client: Client, running: Running) -> None:
    await send(client, 0, 5)
    async with running(sink=NullSink()):
        await acknowledged(client)
    first = await receipt_of(client)
    await send(client, 0, 5)  # again
    await send(client, 5, 8)
    async with running(sink=NullSink()):
        await acknowledged(client)
    second = await receipt_of(client)
    assert first.positions[KEY].delivered == 5
    assert (second.positions[KEY].delivered, second.duplicates) == (8, 5)


async def test_a_receipt_goes_on_after_a_restart_with_its_times_and_duplicates(
    client: Client, place: Place, running: Running
) -> None:
    await send(client, 0, 5)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
    await send(client, 5, 8)
    async with running():
        await place.until(RUN, KEY, 8)
    receipt = await receipt_of(client)
    assert (receipt.duplicates, receipt.first_time, receipt.last_time) == (5, 1.7e9, 1.7e9 + 7)


async def test_an_idle_run_is_closed_and_opens_again_with_the_next_message(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_delivery, "IDLE", 0.2)
    await send(client, 0, 5)
    async with running(), asyncio.timeout(20):
        await place.until(RUN, KEY, 5)
        while "close" not in place.log:
            await asyncio.sleep(0.02)
        await send(client, 5, 8)
        await place.until(RUN, KEY, 8)
    assert place.opened[RUN] == 2
    assert place.indexes[RUN, KEY] == list(range(8))


async def test_what_was_delivered_before_a_disconnect_comes_again_at_once_and_in_order(
    client: Client, place: Place, running: Running
) -> None:
    generation = 0
    place.gate.clear()
    await send(client, 0, 5)
    async with running(generation=lambda: generation) as owner:
        while not _waiting(owner):
            await asyncio.sleep(0.02)
        generation = 1  # as the worker counts a reconnect
        await send(client, 5, 9)
        while _waiting(owner) < 3:  # the first again, and the second
            await asyncio.sleep(0.02)
        place.gate.set()
        await place.until(RUN, KEY, 9)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(9))


async def test_stopping_commits_and_acknowledges_what_is_there(client: Client, place: Place, running: Running) -> None:
    for first in range(0, 100, 10):
        await send(client, first, first + 10)
    async with running() as owner:
        while not _waiting(owner) and not place.committed:
            await asyncio.sleep(0.01)
    position = place.committed[RUN][KEY].next
    assert place.indexes[RUN, KEY] == list(range(position))
    assert (await receipt_of(client)).positions[KEY].next == position
    assert place.log[-1] == "close sink"


def _waiting(owner: RoutePartition) -> int:
    return sum(delivery.waiting for delivery, _ in owner._runs.values())
