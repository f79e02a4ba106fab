"""The receipt of a run under two who take themselves for its owner."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.names import RECEIPTS_STREAM, consumer_name
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt
from sitewire.schemas.subject import receipt_subject
from sitewire.workers import receipts, reporting
from sitewire.workers.errors import UnitLost
from sitewire.workers.ownership.tenure import first_of
from sitewire.workers.receipts import ReceiptBook
from sitewire.workers.reporting import Reporter
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.null import NullSink
from sitewire.workers.trouble import Trouble
from support.links.link import link_to
from support.memory_sink import Running
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, acknowledged, partition_of, receipt_of, send

pytestmark = pytest.mark.nats

SINK = "null:hq"
KEY = StreamKey(WRITER, SCALARS)


def receipt(delivered: int, sink: str = SINK) -> Receipt:
    return Receipt(sink, {KEY: Position(delivered=delivered)})


@pytest.fixture
def book(client: Client) -> ReceiptBook:
    return ReceiptBook(client, "hq")


async def test_receipts_follow_each_other(client: Client, book: ReceiptBook) -> None:
    assert await book.load(RUN, SINK) is None
    for delivered in (1, 2, 3):
        await book.publish(RUN, receipt(delivered))
    assert await receipt_of(client) == receipt(3)
    successor = ReceiptBook(client, "hq")
    assert await successor.load(RUN, SINK) == receipt(3)
    await successor.publish(RUN, receipt(4))


@pytest.mark.parametrize("before", [None, receipt(1), receipt(1, "null:other"), b"no receipt"])
async def test_of_two_owners_the_second_to_write_finds_out(client: Client, before: Receipt | bytes | None) -> None:
    if before is not None:
        data = before if isinstance(before, bytes) else encode_receipt(before)
        await client.jetstream().publish(receipt_subject("hq", RUN), data)
    first, second = ReceiptBook(client, "hq"), ReceiptBook(client, "hq")
    for book in (first, second):
        await book.load(RUN, SINK)
    await first.publish(RUN, receipt(2))
    with pytest.raises(UnitLost):
        await second.publish(RUN, receipt(3))
    await first.publish(RUN, receipt(4))
    assert await receipt_of(client) == receipt(4)


async def test_a_receipt_of_which_the_answer_was_lost_is_our_own(
    client: Client, nats_server: NatsServer, book: ReceiptBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "_TIMEOUT", 0.2)
    await book.load(RUN, SINK)
    await _stored_unheard(client, nats_server, book, receipt(1))
    await book.publish(RUN, receipt(1))  # the same again
    await _stored_unheard(client, nats_server, book, receipt(2))
    await book.publish(RUN, receipt(3))  # and one that says more
    await book.publish(RUN, receipt(4))
    assert await receipt_of(client) == receipt(4)
    assert (await client.jsm().stream_info(RECEIPTS_STREAM)).state.last_seq == 4


async def test_a_run_that_was_forgotten_is_loaded_again(client: Client, book: ReceiptBook) -> None:
    await book.load(RUN, SINK)
    await book.publish(RUN, receipt(1))
    book.forget(RUN)
    assert await book.load(RUN, SINK) == receipt(1)
    await book.publish(RUN, receipt(2))


async def test_an_owner_without_a_lock_that_was_followed_stops_and_nothing_is_counted_twice(
    client: Client, running: Running
) -> None:
    await send(client, 0, 5)
    zombie = asyncio.create_task(_own(client))
    await _told(client, 5)
    async with running(sink=NullSink()):
        await send(client, 5, 9)
        # The consumer gives it to one of the two; the other finds the receipt replaced with its next one.
        await acknowledged(client)
        for first in range(9, 200):
            await send(client, first, first + 1)
            if zombie.done():
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("nobody was stopped")
        last = first + 1
        with pytest.raises(ExceptionGroup) as error:
            await zombie
        assert isinstance(first_of(error.value), UnitLost)
        await _told(client, last)
    assert (await receipt_of(client)).positions[KEY].delivered == last


async def _own(client: Client) -> None:
    await RoutePartition(client, "hq", partition_of(RUN), NullSink(), None, int).run(asyncio.Event())


async def _told(client: Client, delivered: int) -> None:
    async with asyncio.timeout(20):
        while True:
            info = await client.jsm().consumer_info("METRICS", consumer_name("hq", partition_of(RUN)))
            if info.ack_floor is not None and info.ack_floor.stream_seq:
                found = await receipt_of(client)
                if found.positions[KEY].delivered == delivered:
                    return
            await asyncio.sleep(0.02)


async def _stored_unheard(client: Client, server: NatsServer, book: ReceiptBook, sent: Receipt) -> None:
    """Publish while the server stands still: it stores the receipt when nobody waits for the answer any more."""
    before = (await client.jsm().stream_info(RECEIPTS_STREAM)).state.last_seq
    os.kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(BrokerError):
            await book.publish(RUN, sent)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    async with asyncio.timeout(10):
        while (await client.jsm().stream_info(RECEIPTS_STREAM)).state.last_seq == before:
            await asyncio.sleep(0.01)


class Long(Backoff):
    """Pauses of a minute."""

    def draw(self) -> float:
        return 60.0


async def test_a_receipt_that_was_not_stored_is_sent_again_as_soon_as_the_connection_is_back(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "_TIMEOUT", 0.2)
    monkeypatch.setattr(reporting, "Backoff", Long)
    with link_to(nats_server.port) as link:
        over = await connect(Endpoint(link.url), name="over a link")
        book, trouble = ReceiptBook(over, "hq"), Trouble("hq", RUN)
        await book.load(RUN, SINK)
        context: Any = SimpleNamespace(book=book)  # nothing else of it is asked
        reporter = Reporter(RUN, context, trouble)
        reporter._receipt = receipt(3)
        link.cut()
        telling = asyncio.create_task(reporter.tell())
        async with asyncio.timeout(30):
            while trouble.text is None:
                await asyncio.sleep(0.01)
            link.heal()
            await telling
        await over.close()
    assert await receipt_of(client) == receipt(3)
