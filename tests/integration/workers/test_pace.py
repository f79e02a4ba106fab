"""A sink's pace: batches are begun so far apart, except where waiting would hold somebody up."""

from __future__ import annotations

import asyncio
import time

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, consumer_name, takes
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import account_subject
from sitewire.workers import end_watch, route
from sitewire.workers.end_watch import EndWatch, RouteEnds
from sitewire.workers.ownership.unit import ALONE
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import MOST_PACE
from support.memory_sink import MemorySink, Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)
SOON = 2.0  # seconds; a fraction of the pace that nobody is to wait for


def paced(place: Place, seconds: float) -> MemorySink:
    sink = MemorySink(place)
    sink.pace = seconds
    return sink


def commits(place: Place) -> int:
    return place.log.count("commit")


async def waiting(client: Client) -> int:
    """Return how many messages are with the worker, and not acknowledged."""
    info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
    return info.num_ack_pending or 0


async def held(client: Client, count: int) -> None:
    """Wait until so many messages are with the worker."""
    async with asyncio.timeout(20):
        while await waiting(client) < count:
            await asyncio.sleep(0.02)


async def test_what_comes_within_a_pace_is_one_batch_and_the_last_is_written_though_nothing_follows(
    client: Client, place: Place, running: Running
) -> None:
    async with running(paced(place, 1.0)):
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        began = time.monotonic()
        for index in range(1, 20):
            await send(client, index, index + 1)
            await asyncio.sleep(0.01)
        assert commits(place) == 1
        await place.until(RUN, KEY, 20)
        assert 0.5 < time.monotonic() - began < 1.0 + SOON
        assert commits(place) == 2
        await acknowledged(client)


async def test_of_a_run_that_was_quiet_the_next_record_is_written_at_once(
    client: Client, place: Place, running: Running
) -> None:
    async with running(paced(place, 0.3)):
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        await asyncio.sleep(0.4)
        sent = time.monotonic()
        await send(client, 1, 2)
        await place.until(RUN, KEY, 2)
        assert time.monotonic() - sent < 0.25


async def test_a_run_that_holds_much_is_written_at_once(client: Client, place: Place, running: Running) -> None:
    async with running(paced(place, MOST_PACE)):
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        began = time.monotonic()
        for first in range(1, 15_001, 500):  # 500 records are about 17 KiB
            await send(client, first, first + 500)
        await place.until(RUN, KEY, 7_000)
        assert time.monotonic() - began < MOST_PACE - SOON


@pytest.mark.parametrize(("bound", "value"), [("MOST_WAITING", 2_000), ("MANY_WAITING", 10)])
async def test_nobody_gathers_while_the_partition_is_full(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    others = neighbours(5)
    monkeypatch.setattr(route, bound, value)
    async with running(paced(place, MOST_PACE)):
        for run in others:
            await send(client, 0, 1, run=run)
        for run in others:
            await place.until(run, KEY, 1)
        began = time.monotonic()
        for index in range(1, 30):
            for run in others:
                await send(client, index, index + 1, run=run)
        for run in others:
            await place.until(run, KEY, 20)
        assert time.monotonic() - began < MOST_PACE - SOON


async def test_who_stops_writes_and_acknowledges_what_was_gathered(
    client: Client, place: Place, running: Running
) -> None:
    async with running(paced(place, MOST_PACE)):
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        await send(client, 1, 5)
        await held(client, 2)  # and the first, whose receipt waits
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert place.indexes[RUN, KEY] == list(range(5))
    async with asyncio.timeout(SOON):  # the server takes in an acknowledgement in its own time
        while await waiting(client):
            await asyncio.sleep(0.02)


async def test_without_a_pace_each_message_is_a_batch(client: Client, place: Place, running: Running) -> None:
    async with running(MemorySink(place)):
        for index in range(5):
            await send(client, index, index + 1)
            await place.until(RUN, KEY, index + 1)
        assert commits(place) == 5


async def test_what_the_end_of_a_run_waits_for_is_written_at_once(
    client: Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_watch, "PERIOD", 0.05)
    watch, stop = EndWatch(client, int), asyncio.Event()
    ends = RouteEnds(watch, takes(("metrics.>",)))
    owner = RoutePartition(client, "hq", partition_of(RUN), paced(place, MOST_PACE), None, int, ALONE, ends)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        watching = group.create_task(watch.run())
        group.create_task(owner.run(stop))
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        await send(client, 1, 5)
        began = time.monotonic()
        account = Account({SCALARS: ClassAccount(5, 5, 0)}, alive=False, ended=True, started=1.0, stopped=2.0)
        await client.jetstream().publish(account_subject(RUN, WRITER), encode_account(account))
        while not place.endings[RUN]:
            await asyncio.sleep(0.02)
        assert time.monotonic() - began < SOON
        assert place.indexes[RUN, KEY] == list(range(5))
        stop.set()
        watching.cancel()
