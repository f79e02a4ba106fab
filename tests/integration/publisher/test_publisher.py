"""From the spool to the stream, whatever the broker does."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.collectors.publisher import ledger, link
from sitewire.collectors.publisher.sync import sync, waiting
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey
from support.nats import MakeServer, NatsServer, free_port
from support.publishing import started, until_stored
from support.spool import Spool, account_of, identity, log, steps, stored
from support.stream import declare

pytestmark = pytest.mark.nats

SCALARS = RecordClass.SCALARS


async def synced(spool: Spool, server: NatsServer, timeout: float = 30) -> int:
    """Drain the spool; return how many records are left."""
    return (await sync(spool.root, server.endpoint, timeout, lambda _: None)).records


async def test_a_flush_returns_when_the_broker_has_what_was_logged_before_it(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 5000)
    assert await asyncio.to_thread(publisher.flush, 20)
    assert steps(await stored(client, writer.directory.path.name)) == identity(5000)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)


async def test_the_account_says_in_the_end_that_all_was_published_and_the_writer_has_ended(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = spool.publisher(nats_server.url)
    publisher.start()
    publisher.attach(writer, lambda: {"value": 3})
    await log(writer, 0, 100)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)
    account = await account_of(client, writer.directory.path.name)
    counts = account.classes[SCALARS]
    assert (counts.assigned, counts.published, account.alive, account.ended) == (100, 100, False, True)
    assert account.refused == {"value": 3}
    assert account.started < account.stopped <= time.time()
    assert not account.failed


async def test_the_account_of_a_writer_that_failed_says_so(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 10)
    await asyncio.to_thread(partial(writer.finish, failed=True))
    assert await asyncio.to_thread(publisher.stop, 10)
    account = await account_of(client, writer.directory.path.name)
    assert (account.ended, account.failed) == (True, True)


async def test_what_a_killed_server_had_not_acknowledged_is_sent_again(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    for first in range(0, 6000, 2000):
        await log(writer, first, first + 2000)
        await nats_server.restart_async()
    assert await asyncio.to_thread(publisher.flush, 30)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)
    assert steps(await stored(client, writer.directory.path.name)) == identity(6000)


async def test_an_acknowledgement_that_gets_lost_is_not_waited_for_without_end(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "ACK_TIMEOUT", 0.3)
    monkeypatch.setattr(ledger, "PERIOD", 60)  # or it may be the account that waits
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    for first in (0, 50):  # the second time no account is due
        await log(writer, first, first + 50)
        assert await asyncio.to_thread(publisher.flush, 10)
    await asyncio.sleep(0.3)
    nats_server.pause()  # the connection stays, nothing answers
    await log(writer, 100, 200)
    assert not await asyncio.to_thread(publisher.flush, 1)
    nats_server.resume()
    assert await asyncio.to_thread(publisher.flush, 20)
    envelopes = await stored(client, writer.directory.path.name)
    assert steps(envelopes) == identity(200)
    assert len([item for item in envelopes if item.first == 100]) > 1  # sent again, so it was stored again
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 10)


async def test_what_the_broker_has_not_acknowledged_is_not_counted_as_published(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    await log(writer, 0, 10_000)
    await asyncio.to_thread(writer.finish)
    config = (await client.jsm().stream_info(METRICS_STREAM)).config
    config.max_bytes = 100_000
    await client.jsm().update_stream(config)
    left = await synced(spool, nats_server, timeout=2)
    there = max(item.end for item in await stored(client, writer.directory.path.name))
    assert 0 < there < 10_000
    assert left == 10_000 - there
    config.max_bytes = -1
    await client.jsm().update_stream(config)
    assert await synced(spool, nats_server) == 0
    assert steps(await stored(client, writer.directory.path.name)) == identity(10_000)


async def test_a_broker_that_takes_smaller_messages_gets_smaller_envelopes(
    make_nats_server: MakeServer, spool: Spool
) -> None:
    server = make_nats_server("small", "max_payload: 8192")
    client = await connect(server.endpoint, name="test")
    await declare(client)
    writer = await spool.writer()
    await log(writer, 0, 5000)
    writer.append(Record(Kind.TEXT, "short", "x", 0.0))
    writer.append(Record(Kind.TEXT, "what no message can hold", "x" * 20_000, 0.0))
    writer.append(Record(Kind.TEXT, "short", "y", 0.0))
    await asyncio.to_thread(writer.finish)
    assert await synced(spool, server) == 0
    name = writer.directory.path.name
    assert steps(await stored(client, name)) == identity(5000)
    counts = (await account_of(client, name)).classes[RecordClass.MEDIA]
    assert (counts.assigned, counts.published) == (3, 3)
    texts = await stored(client, name, RecordClass.MEDIA)
    assert [record.value for item in texts for record in item.records] == ["x", "y"]
    assert [(hole.name, hole.first, hole.count) for item in texts for hole in item.holes] == [(HoleName.DROPPED, 1, 1)]
    await client.close()


async def test_a_broker_that_has_forgotten_is_sent_everything_that_is_still_held(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 3000)
    assert await asyncio.to_thread(publisher.flush, 20)
    for name in (METRICS_STREAM, "ACCOUNTS"):
        await client.jsm().delete_stream(name)
    await declare(client)
    await nats_server.restart_async()
    await log(writer, 3000, 4000)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 30)
    assert steps(await stored(client, writer.directory.path.name)) == identity(4000)


async def test_a_stream_whose_sequences_go_back_is_sent_everything_though_the_account_is_as_it_was(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 3000)
    assert await asyncio.to_thread(publisher.flush, 20)
    await client.jsm().delete_stream(METRICS_STREAM)
    await declare(client)
    await log(writer, 3000, 4000)
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 30)
    assert steps(await stored(client, writer.directory.path.name)) == identity(4000)


async def test_two_publishers_of_one_writer_do_not_both_send(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    first = started(spool.publisher(nats_server.url), writer)
    second = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 3000)
    name = writer.directory.path.name
    await until_stored(client, name, 3000)
    await asyncio.to_thread(writer.finish)
    await asyncio.gather(asyncio.to_thread(first.stop, 3), asyncio.to_thread(second.stop, 3))
    envelopes = await stored(client, name)
    assert sum(len(item.records) for item in envelopes) == 3000
    assert [item.first for item in envelopes] == sorted(item.first for item in envelopes)


async def test_the_next_trainer_of_a_site_sends_what_a_dead_one_left_and_leaves_other_sites_alone(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    dead, foreign = await spool.writer(url=nats_server.url), await spool.writer(RunKey("elsewhere", "job"))
    elsewhere = await spool.writer(url="nats://another.example:4222")
    for writer in (dead, foreign, elsewhere):
        await log(writer, 0, 500)
        await asyncio.to_thread(writer.directory.release_alive)  # as its death does
    living = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), living)
    await log(living, 0, 1)
    name = dead.directory.path.name
    await until_stored(client, name, 500)
    await asyncio.to_thread(living.finish)
    assert await asyncio.to_thread(publisher.stop, 10)
    account = await account_of(client, name)
    assert not account.ended  # so `runs` says crashed
    assert account.started < account.stopped <= time.time()
    assert (await account_of(client, living.directory.path.name)).stopped
    for writer in (foreign, elsewhere):
        assert not await stored(client, writer.directory.path.name)


async def test_a_broker_that_is_not_there_costs_the_end_of_a_trainer_about_a_second(spool: Spool) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(f"nats://127.0.0.1:{free_port()}"), writer)
    await log(writer, 0, 10)
    await asyncio.to_thread(writer.finish)
    begin = time.monotonic()
    assert not await asyncio.to_thread(publisher.stop, 20)
    assert time.monotonic() - begin < 5
    assert (await asyncio.to_thread(waiting, spool.root)).records == 10


async def test_a_broker_that_does_not_answer_costs_no_more_than_the_timeout(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    await log(writer, 0, 10)
    assert await asyncio.to_thread(publisher.flush, 10)
    nats_server.pause()
    await log(writer, 10, 20)
    await asyncio.to_thread(writer.finish)
    begin = time.monotonic()
    assert not await asyncio.to_thread(publisher.flush, 0.5)
    assert not await asyncio.to_thread(publisher.stop, 2)
    assert time.monotonic() - begin < 4
    nats_server.resume()


async def test_a_publisher_sends_nothing_twice_after_a_restart_that_saved_its_cursor(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    await log(writer, 0, 2000)
    await asyncio.to_thread(writer.finish)
    assert await synced(spool, nats_server) == 0
    before = (await client.jsm().stream_info(METRICS_STREAM)).state.messages
    assert await synced(spool, nats_server) == 0
    assert (await client.jsm().stream_info(METRICS_STREAM)).state.messages == before


async def test_sync_says_what_is_left_when_nobody_answers(spool: Spool) -> None:
    writer = await spool.writer()
    await log(writer, 0, 7)
    await asyncio.to_thread(writer.finish)
    left = await sync(spool.root, Endpoint(f"nats://127.0.0.1:{free_port()}"), 1.0, lambda _: None)
    assert (left.records, left.writers, left.unreadable) == (7, 1, ())


async def test_a_cursor_is_never_ahead_of_what_the_stream_holds(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    writer = await spool.writer()
    publisher = started(spool.publisher(nats_server.url), writer)
    problems: list[str] = []
    name = writer.directory.path.name

    async def log_on() -> None:
        for number in range(0, 1_000_000, 100):
            await log(writer, number, number + 100)
            await asyncio.sleep(0.002)

    logging = asyncio.create_task(log_on())
    for _ in range(8):
        await nats_server.restart_async()
        published = await asyncio.to_thread(_published, writer.directory)
        envelopes = await stored(client, name)
        there = max((item.end for item in envelopes), default=0)
        if published > there:
            problems.append(f"published {published}, the stream has {there}")
    logging.cancel()
    await asyncio.wait([logging])
    await asyncio.to_thread(writer.finish)
    assert await asyncio.to_thread(publisher.stop, 30)
    assert not problems
    total = writer.assigned()[SCALARS]
    assert steps(await stored(client, name)) == identity(total)


async def test_one_directory_that_cannot_be_read_does_not_stop_the_others(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    bad, good = await spool.writer(RunKey("bad", "job")), await spool.writer()
    for writer in (bad, good):
        await log(writer, 0, 100)
        await asyncio.to_thread(writer.finish)
    await asyncio.to_thread(_spoil, bad.directory.path)
    left = await sync(spool.root, nats_server.endpoint, 20, lambda _: None)
    assert left.records == 0 or left.unreadable
    assert steps(await stored(client, good.directory.path.name)) == identity(100)


async def test_awkward_names_of_site_and_run_are_two_tokens_of_the_subject(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    run = RunKey("5", "metrics.*.>")
    writer = await spool.writer(run)
    await log(writer, 0, 10)
    await asyncio.to_thread(writer.finish)
    assert await synced(spool, nats_server) == 0
    message = await client.jsm().get_msg(METRICS_STREAM, 1)
    site, name = run.tokens
    assert message.subject is not None
    assert message.subject.split(".")[2:4] == [site, name]
    assert (await account_of(client, writer.directory.path.name, run)).ended


def _published(directory: WriterDirectory) -> int:
    reader = SpoolReader(directory)
    try:
        return reader.published.get(SCALARS, 0)
    finally:
        reader.close()


def _spoil(path: Path) -> None:
    for segment in path.glob("segment*"):
        data = bytearray(segment.read_bytes())
        data[: len(data) // 2] = bytes(len(data) // 2)
        segment.write_bytes(data)
