"""What an owner of a partition leaves behind when it is killed or cancelled, and what its successor makes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM, RECEIPTS_STREAM, consumer_name
from sitewire.schemas.receipt import StreamKey, decode_receipt
from sitewire.schemas.subject import receipt_subject
from sitewire.workers import gaps, reporting, route, run_delivery
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.jsonl.sink import JsonlSink
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.sinks.tensorboard.sink import TensorBoardSink
from support.memory_sink import Place, Running
from support.stream import RUN, SCALARS, WRITER, partition_of, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def until_told(client: Client, next_index: int) -> None:
    """Wait for a receipt that says how far the run has come."""
    async with asyncio.timeout(10):
        while True:
            message = await client.jsm().get_msg(RECEIPTS_STREAM, subject=receipt_subject("hq", RUN))
            if decode_receipt(message.data or b"").positions[KEY].next == next_index:
                return
            await asyncio.sleep(0.05)


async def until_told_first(client: Client) -> None:
    """Wait for any receipt."""
    async with asyncio.timeout(10):
        while not (await client.jsm().stream_info(RECEIPTS_STREAM)).state.messages:
            await asyncio.sleep(0.02)


async def test_a_worker_that_dies_between_acknowledgement_and_receipt_leaves_no_old_receipt_for_ever(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "PERIOD", 60)
    monkeypatch.setattr(run_delivery, "PERIOD", 60)
    with pytest.raises(ExceptionGroup, match="unhandled errors"):  # noqa: PT012  it is this block that dies
        async with running():
            await send(client, 0, 5)
            await until_told_first(client)
            await send(client, 5, 8)
            await send(client, 8, 9)
            await place.until(RUN, KEY, 9)
            await asyncio.sleep(0.3)  # the acknowledgements are on their way
            message = "the end"
            raise RuntimeError(message)
    async with running():
        await until_told(client, 9)
    assert place.indexes[RUN, KEY] == list(range(9))


async def test_a_receipt_is_followed_by_the_last_acknowledgement(
    client: Client, place: Place, running: Running
) -> None:
    async with running(), asyncio.timeout(10):
        for first in range(5):
            await send(client, first, first + 1)
        await place.until(RUN, KEY, 5)
        while True:
            info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
            if not info.num_pending and not info.num_ack_pending:
                break
            await asyncio.sleep(0.02)
    await until_told(client, 5)


async def test_what_is_missing_and_stored_behind_more_than_a_partition_takes_is_found(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A broker lost its last messages, and a publisher noticed after it had sent the next ones.
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(route, "MOST_WAITING", 1000)
    monkeypatch.setattr(route, "FETCH_LIMIT", 1)
    await tell(client, {SCALARS: (500, 500, 0)})
    await send(client, 0, 10)
    for first in range(100, 500, 100):
        await send(client, first, first + 100)
    await send(client, 10, 100)
    async with running(), asyncio.timeout(10):
        await place.until(RUN, KEY, 500)
    assert place.indexes[RUN, KEY] == list(range(500))


async def test_what_the_stream_has_further_on_is_not_called_expired(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_WAITING", 1000)
    monkeypatch.setattr(route, "FETCH_LIMIT", 1)
    await send(client, 0, 10)
    for first in range(100, 500, 100):
        await send(client, first, first + 100)
    await send(client, 10, 100)
    await tell(client, {SCALARS: (500, 500, 500)})  # the spool has let go of all of it
    async with running():
        await place.until(RUN, KEY, 500)
    assert place.indexes[RUN, KEY] == list(range(500))


@pytest.mark.parametrize("make", [TensorBoardSink, JsonlSink])
async def test_an_owner_that_is_cancelled_while_it_takes_its_lock_does_not_keep_it(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Sink]
) -> None:
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()
    take = PartitionLock.take

    def slow(place: Path, partition: int) -> PartitionLock:
        loop.call_soon_threadsafe(entered.set)
        time.sleep(0.2)
        return take(place, partition)

    monkeypatch.setattr(PartitionLock, "take", staticmethod(slow))
    owner = RoutePartition(client, "hq", 0, make(tmp_path), None, int)
    running = asyncio.create_task(owner.run(asyncio.Event()))
    await entered.wait()
    running.cancel()
    await asyncio.wait([running])
    monkeypatch.undo()
    successor = make(tmp_path)
    await successor.open(0)
    await successor.close()
