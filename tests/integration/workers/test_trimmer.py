"""The trimmer over a real server: it makes room, and never takes what somebody needs."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket, Entry
from sitewire.broker_config.connection import connect
from sitewire.broker_config.jetstream_api import Json, ask, ask_unless
from sitewire.broker_config.model import Keep
from sitewire.broker_config.names import METRICS_STREAM, PARKED_BUCKET, consumer_name
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.trimmer import reading, trimmer
from sitewire.workers.trimmer.needs import Need, NeedKind
from sitewire.workers.trimmer.reading import StreamState, read_needs, read_state
from sitewire.workers.trimmer.trimmer import Trimmer, TrimState
from support.nats import NatsServer
from support.stream import RUN, WRITER, declare, neighbours, partition_of, route

pytestmark = pytest.mark.nats

MIB = 1024 * 1024
BOUND = 4 * MIB
BIG = 100_000  # bytes of a message; forty of them fill a stream nearly
OURS = consumer_name("hq", partition_of(RUN))


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, max_bytes=BOUND)
    yield client
    await client.close()


@pytest.fixture
async def looking(nats_server: NatsServer) -> AsyncIterator[Trimmer]:
    """A trimmer with the default share, a half."""
    found = Trimmer(nats_server.endpoint, Keep())
    yield found
    await found.close()


async def fill(client: Client, count: int, run: RunKey = RUN, size: int = BIG) -> None:
    """Store messages, of which a trimmer sees no more than subject and size."""
    subject = str(Subject(run, RecordClass.SCALARS, WRITER))
    for _ in range(count):
        await client.jetstream().publish(subject, bytes(size))


async def commit(client: Client, count: int, name: str = OURS) -> None:
    """Acknowledge what a consumer reads next."""
    subscription = await client.jetstream().pull_subscribe_bind(name, METRICS_STREAM)
    for message in await subscription.fetch(count):
        await message.ack_sync()
    await subscription.unsubscribe()


async def make_consumer(client: Client, name: str) -> None:
    config = {"durable_name": name, "ack_policy": "explicit", "mem_storage": True}
    await ask(client, f"CONSUMER.CREATE.{METRICS_STREAM}.{name}", {"stream_name": METRICS_STREAM, "config": config})


async def state(client: Client) -> StreamState:
    return await read_state(client)


async def test_what_every_route_has_committed_goes_down_to_the_share(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), route("files"), max_bytes=BOUND)
    await fill(client, 38)
    for name in (OURS, consumer_name("files", partition_of(RUN))):
        await commit(client, 38, name)
    await looking.look()
    stream = await state(client)
    assert BOUND // 2 - BIG < stream.bytes <= BOUND // 2 + BOUND // 128
    assert looking.state is TrimState.TRIMMING


async def test_a_stream_that_never_held_anything_is_left_alone(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    async with asyncio.timeout(5):
        await looking.look()
    assert (await state(client)).last == 0
    assert looking.state is TrimState.KEEPING


async def test_below_the_share_nothing_goes(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 20)
    await commit(client, 20)
    await looking.look()
    assert (await state(client)).first == 1
    assert looking.state is TrimState.KEEPING


async def test_a_route_that_lags_keeps_what_it_has_not_committed(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), route("slow"), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    await commit(client, 5, consumer_name("slow", partition_of(RUN)))
    await looking.look()
    assert (await state(client)).first == 6
    assert (await read_needs(client))[0] == Need(NeedKind.UNREAD, 6, "slow", partition_of(RUN))


async def test_what_is_delivered_and_not_acknowledged_stays(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    subscription = await client.jetstream().pull_subscribe_bind(OURS, METRICS_STREAM)
    messages = await subscription.fetch(38)
    for message in messages[:3] + messages[4:]:
        await message.ack_sync()
    await looking.look()
    assert (await state(client)).first == 4
    await messages[3].ack_sync()
    await looking.look()
    assert (await state(client)).first > 4


async def test_a_site_that_no_route_takes_is_trimmed_with_the_others(client: Client, looking: Trimmer) -> None:
    await declare(client, route(subjects=("metrics.elsewhere.>",)), max_bytes=BOUND)
    await fill(client, 38)
    await looking.look()
    assert (await state(client)).bytes <= BOUND // 2 + BOUND // 128


async def test_a_parked_run_keeps_what_it_needs_though_all_is_acknowledged(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    bucket, key = Bucket(client, PARKED_BUCKET), parked_key("hq", partition_of(RUN), RUN)
    revision = await bucket.create(key, ParkedRun(11, "a file is in the way", 1.7e9).encode())
    await looking.look()
    assert (await state(client)).first == 11
    await bucket.delete(key, revision)
    await looking.look()
    assert (await state(client)).first > 11


async def test_a_run_that_is_parked_while_the_broker_is_asked_keeps_what_it_needs(
    client: Client, looking: Trimmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    read = Bucket.all

    async def read_and_park(bucket: Bucket, keys: str = ">") -> dict[str, Entry]:
        found = await read(bucket, keys)
        key = parked_key("hq", partition_of(RUN), RUN)
        await bucket.create(key, ParkedRun(1, "a file is in the way", 1.7e9).encode())
        await commit(client, 38)
        return found

    monkeypatch.setattr(Bucket, "all", read_and_park)
    await looking.look()
    assert (await state(client)).first == 1


async def test_an_entry_of_the_bucket_that_nobody_can_read_keeps_all(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    await Bucket(client, PARKED_BUCKET).create("who.knows", b"\xff")
    await looking.look()
    assert (await state(client)).first == 1


async def test_a_route_that_is_only_half_made_keeps_all_from_its_start(client: Client, looking: Trimmer) -> None:
    await fill(client, 10)
    await declare(client, route(start="new"), max_bytes=BOUND)
    await fill(client, 28)
    await commit(client, 28)
    await ask(client, f"CONSUMER.DELETE.{METRICS_STREAM}.{consumer_name('hq', (partition_of(RUN) + 1) % 8)}")
    await looking.look()
    assert (await state(client)).first == 11
    assert (await read_needs(client))[0] == Need(NeedKind.INCOMPLETE, 11, "hq")


async def test_a_route_that_was_moved_gets_all_that_there_still_is(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    await ask(client, f"CONSUMER.RESET.{METRICS_STREAM}.{OURS}", {"seq": 1})
    await looking.look()
    assert (await state(client)).first == 1


async def test_before_there_is_any_route_nothing_goes(client: Client, looking: Trimmer) -> None:
    await fill(client, 38)
    await looking.look()
    assert (await state(client)).first == 1


async def test_consumers_of_other_names_keep_nothing(client: Client, looking: Trimmer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    await client.jetstream().pull_subscribe("metrics.>", "tail-of-somebody", METRICS_STREAM)
    await looking.look()
    assert (await state(client)).first > 1


async def test_what_is_too_old_goes_however_empty_the_stream_is(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 3)
    await asyncio.sleep(0.2)  # the age of messages is what this is about
    young = time.time() - 0.1
    await fill(client, 2)
    await commit(client, 5)
    keep = Keep(hours=(time.time() - young) / 3600)
    old, none = Trimmer(nats_server.endpoint, keep), Trimmer(nats_server.endpoint, Keep(hours=1))
    await none.look()
    assert (await state(client)).first == 1
    await old.look()
    assert (await state(client)).first == 4
    for each in (old, none):
        await each.close()


@pytest.mark.parametrize("jump", [86_400.0, -86_400.0], ids=["ahead", "behind"])
async def test_how_old_a_message_is_the_servers_clock_says(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 3)
    await commit(client, 3)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + jump)
    for hours, first in ((1.0, 1), (1e-9, 4)):
        trimmer = Trimmer(nats_server.endpoint, Keep(hours=hours))
        await trimmer.look()
        await trimmer.close()
        assert (await state(client)).first == first


async def test_what_is_too_old_stays_while_a_route_needs_it(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 3)
    await commit(client, 1)
    old = Trimmer(nats_server.endpoint, Keep(hours=1e-9))
    await old.look()
    await old.close()
    stream = await state(client)
    assert (stream.first, stream.messages) == (2, 2)


async def test_who_has_lost_the_lease_while_it_read_purges_nothing(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    late = Trimmer(nats_server.endpoint, Keep(), lambda: 0.0)
    await late.look()
    await late.close()
    assert (await state(client)).first == 1


async def test_a_purge_never_reaches_another_store_than_was_read(
    client: Client, nats_server: NatsServer, looking: Trimmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)

    async def read_and_lose_the_store(asked: Client) -> tuple[Need, ...]:
        needs = await read_needs(asked)
        await asyncio.to_thread(nats_server.kill)
        await asyncio.to_thread(shutil.rmtree, nats_server.store)
        await asyncio.to_thread(nats_server.start)
        fresh = await connect(nats_server.endpoint, name="test again")
        await declare(fresh, route(), max_bytes=BOUND)
        await fill(fresh, 5)
        await fresh.close()
        return needs

    monkeypatch.setattr(trimmer, "read_needs", read_and_lose_the_store)
    await looking.look()
    monkeypatch.undo()
    await looking.look()
    again = await connect(nats_server.endpoint, name="test later")
    stream = await read_state(again)
    await again.close()
    assert (stream.first, stream.messages) == (1, 5)


async def test_a_broker_that_is_away_is_waited_for_and_said_once(
    client: Client, nats_server: NatsServer, looking: Trimmer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sitewire.worker")
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    await commit(client, 38)
    nats_server.stop()  # in order: what was acknowledged just before a kill would come again
    for _ in range(3):
        await looking.look()
    assert caplog.text.count("not trimmed now") == 1
    nats_server.start()
    await looking.look()
    again = await connect(nats_server.endpoint, name="test again")
    assert (await read_state(again)).first > 1
    await again.close()


async def test_it_says_when_it_begins_who_is_in_its_way_and_when_there_is_room_again(
    client: Client, looking: Trimmer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimmer, "STUCK", 0.0)
    caplog.set_level(logging.INFO, logger="sitewire.worker")
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 38)
    for _ in range(3):
        assert await looking.look() < trimmer.PERIOD
    await commit(client, 38)
    for _ in range(3):
        await looking.look()
    assert [record.getMessage() for record in caplog.records] == [
        f"the metrics stream is 91% full, and held by route hq, partition {partition_of(RUN)}",
        "the metrics stream has room again",
    ]


async def test_it_trims_until_it_is_told_to_stop_and_stops_at_once(
    client: Client, looking: Trimmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimmer, "PERIOD", 0.1)
    await declare(client, route(), max_bytes=BOUND)
    stop = asyncio.Event()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(looking.run(stop))
        await fill(client, 38)
        await commit(client, 38)
        while (await state(client)).first == 1:
            await asyncio.sleep(0.02)
        began = time.monotonic()
        stop.set()
    assert time.monotonic() - began < 1.0


async def test_of_very_many_consumers_none_is_overlooked(
    client: Client, looking: Trimmer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list comes in pages; one that is removed between two of them moves all others by a place."""
    await asyncio.gather(*(make_consumer(client, f"route-r{number // 8:02}-p{number % 8}") for number in range(272)))
    assert len(await reading._consumers(client, METRICS_STREAM, "route-")) == 272
    pages: list[int] = []

    async def ask_and_remove_one(asked: Client, path: str, body: Json | None, codes: frozenset[int]) -> Json | None:
        answer = await ask_unless(asked, path, body, codes)
        if path.startswith("CONSUMER.LIST"):
            pages.append((body or {})["offset"])
            if len(pages) == 1:
                await ask(asked, f"CONSUMER.DELETE.{METRICS_STREAM}.route-r00-p3")
        return answer

    monkeypatch.setattr(reading, "ask_unless", ask_and_remove_one)
    names = {info["name"] for info in await reading._consumers(client, METRICS_STREAM, "route-")}
    assert pages == [0, 255, 0, 255]
    assert len(names) == 271
    assert "route-r00-p3" not in names


async def test_runs_of_other_partitions_are_held_too(client: Client, looking: Trimmer) -> None:
    """The stream is purged by sequence: one partition that lags keeps what lies above it of all others."""
    await declare(client, route(), max_bytes=BOUND)
    other = next(run for run in (RunKey("s", str(n)) for n in range(99)) if partition_of(run) != partition_of(RUN))
    await fill(client, 1, other)
    await fill(client, 36)
    await fill(client, 1, neighbours(1)[0])
    await commit(client, 37)
    await looking.look()
    assert (await state(client)).first == 1
    await commit(client, 1, consumer_name("hq", partition_of(other)))
    await looking.look()
    assert (await state(client)).first > 10
