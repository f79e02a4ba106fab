"""A partition of a route: what is delivered, in which order things happen, and what stops nobody."""

from __future__ import annotations

import asyncio
import random

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, RECEIPTS_STREAM, consumer_name
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Receipt, StreamKey, decode_receipt
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, new_writer, receipt_subject
from sitewire.workers import gaps, run_delivery
from sitewire.workers.errors import SinkUnavailable
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.null import NullSink
from support.memory_sink import Place, Running, nothing
from support.stream import RUN, SCALARS, WRITER, body, neighbours, partition_of, scalar, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def acknowledged(client: Client) -> None:
    """Wait until nothing of the partition is on its way."""
    async with asyncio.timeout(30):
        while True:
            info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.02)


async def receipt_of(client: Client, run: RunKey = RUN) -> Receipt:
    message = await client.jsm().get_msg(RECEIPTS_STREAM, subject=receipt_subject("hq", run))
    return decode_receipt(message.data or b"")


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


def bad_messages() -> dict[str, tuple[RecordClass, str, bytes]]:
    """Class and writer of the subject, and a body that does not fit."""
    packed = [pack_record(scalar(0))]
    good = encode_envelope(WRITER, SCALARS, 0, packed)
    return {
        "no MessagePack at all": (SCALARS, WRITER, b"\xc1 nothing"),
        "empty": (SCALARS, WRITER, b""),
        "another version": (SCALARS, WRITER, good.replace(b"\xa1v\x01", b"\xa1v\x02", 1)),
        "a writer that is not the subject's": (SCALARS, WRITER, encode_envelope("cd" * 16, SCALARS, 0, packed)),
        "a class that is not the subject's": (RecordClass.MEDIA, WRITER, good),
        "a subject without a writer": (SCALARS, "somebody", good),
        "an array that announces four billion items": (SCALARS, WRITER, good[:-20] + b"\xdd\xff\xff\xff\xff"),
    }


@pytest.mark.parametrize("name", bad_messages())
async def test_a_message_that_is_no_envelope_is_put_aside_and_stops_nobody(
    client: Client, place: Place, running: Running, name: str
) -> None:
    record_class, writer, data = bad_messages()[name]
    site, run = RUN.tokens
    await client.jetstream().publish(f"metrics.{site}.{run}.{record_class}.{writer}", data)
    await send(client, 0, 5)
    async with running() as owner:
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
        assert owner.unreadable == 1
    assert place.indexes == {(RUN, KEY): list(range(5))}


async def test_a_bad_message_is_reported_once_and_not_for_each_copy(
    client: Client, place: Place, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), b"junk")
    await send(client, 0, 1)
    async with running() as owner:
        await place.until(RUN, KEY, 1)
        await acknowledged(client)
        assert owner.unreadable == 20
    assert sum("is not an envelope" in record.message for record in caplog.records) == 1


async def test_the_site_of_a_record_is_that_of_the_subject_whatever_the_body_says(
    client: Client, place: Place, running: Running
) -> None:
    liar = Record(Kind.SCALAR, "metrics.victim.job.scalars", 1.0, 1.7e9, 0, context="victim")
    envelope = encode_envelope(WRITER, SCALARS, 0, [pack_record(liar)], experiment="victim")
    await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), envelope)
    async with running():
        await place.until(RUN, KEY, 1)
    assert place.committed.keys() == {RUN}


async def test_a_token_in_a_second_spelling_is_not_taken_for_the_site(
    client: Client, place: Place, running: Running
) -> None:
    # "clini=63" would read as "clinic", another's name.
    for spelling in ("clini=63", "clinic=2"):
        await client.jetstream().publish(f"metrics.{spelling}.job.scalars.{WRITER}", body(0, 3))
    await send(client, 0, 1)
    async with running():
        await place.until(RUN, KEY, 1)
    assert place.indexes[RUN, KEY] == [0]


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
    consumer = consumer_name("hq", partition_of(RUN))
    subscription = await client.jetstream().pull_subscribe_bind(consumer, METRICS_STREAM)
    for message in await subscription.fetch(2):
        await message.ack_sync()
    await send(client, 10, 15)
    async with running():
        await place.until(RUN, KEY, 15)
    assert place.indexes[RUN, KEY] == list(range(15))


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


def _waiting(owner: RoutePartition) -> int:
    return sum(delivery.waiting for delivery, _ in owner._runs.values())
