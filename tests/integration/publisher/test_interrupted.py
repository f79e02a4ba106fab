"""Publishers that are killed, raced or deceived at the wrong moment: whoever comes next sends what is missing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.errors import BrokerBusy
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.collectors.publisher import collector
from sitewire.collectors.publisher.drain import Drain
from sitewire.collectors.publisher.ledger import Ledger
from sitewire.collectors.publisher.link import Link
from sitewire.collectors.publisher.sync import sync, waiting
from sitewire.collectors.spool import directory
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.schemas.account import decode_account
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey
from support.nats import NatsServer
from support.spool import Spool, account_of, identity, log, steps, stored
from support.stream import SCALARS, declare, tell

pytestmark = pytest.mark.nats

COUNT = 100


async def written(spool: Spool) -> WriterDirectory:
    """Return what a writer left that has ended."""
    writer = await spool.writer()
    await log(writer, 0, COUNT)
    await asyncio.to_thread(writer.finish)
    return writer.directory


async def synced(spool: Spool, server: NatsServer) -> int:
    return (await sync(spool.root, server.endpoint, 20, lambda _: None)).records


async def forget(client: Client) -> None:
    """As a broker whose store is lost, and to which others have told their accounts since."""
    for name in (METRICS_STREAM, "ACCOUNTS"):
        await client.jsm().delete_stream(name)
    await declare(client)
    for number in range(10):
        await tell(client, {RecordClass.RUN: (1, 1, 0)}, run=RunKey("elsewhere", f"job-{number}"))


async def test_a_publisher_that_dies_right_after_it_noticed_that_the_broker_forgot_leaves_that_to_the_next(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    here = await written(spool)
    assert await synced(spool, nats_server) == 0
    await forget(client)
    link = Link(nats_server.endpoint, "test")
    reader = await asyncio.to_thread(SpoolReader, here)
    async with link.open():
        ledger = await asyncio.to_thread(Ledger, link, here, reader, None)
        assert not await ledger.publish(alive=False, now=True)
    await asyncio.to_thread(reader.close)
    assert await synced(spool, nats_server) == 0
    assert steps(await stored(client, here.path.name)) == identity(COUNT)


class ForgettingLink(Link):
    """Lets the broker forget everything once, right before the last account of all."""

    client: Client
    forgot = False

    async def connected(self) -> None:
        """Wait for the connection: its coming is a reason of its own to tell an account."""
        while not self.generation:
            await asyncio.sleep(0.01)

    async def publish(self, subject: str, payload: bytes, *, expected: int | None = None) -> int:
        if not self.forgot and expected is not None:
            account = decode_account(payload)
            if account.settled and account.classes[SCALARS].published == COUNT:
                self.forgot = True
                await forget(self.client)
        return await super().publish(subject, payload, expected=expected)


async def test_a_broker_that_forgets_before_the_last_account_is_sent_everything_again(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    here = await written(spool)
    link = ForgettingLink(nats_server.endpoint, "test")
    link.client = client
    drain = await asyncio.to_thread(Drain, link, here)
    async with asyncio.timeout(20), link.open():
        await link.connected()
        await drain.run()
    await drain.close()
    assert link.forgot
    assert steps(await stored(client, here.path.name)) == identity(COUNT)
    assert (await account_of(client, here.path.name)).settled


class RacedLink(Link):
    """Another publisher is always faster with the account."""

    client: Client

    async def publish(self, subject: str, payload: bytes, *, expected: int | None = None) -> int:
        await self.client.jetstream().publish(subject, payload)
        return await super().publish(subject, payload, expected=expected)


async def test_a_publisher_that_loses_the_race_for_the_account_tries_again(
    client: Client, nats_server: NatsServer, spool: Spool
) -> None:
    here = await written(spool)
    link = RacedLink(nats_server.endpoint, "test")
    link.client = client
    reader = await asyncio.to_thread(SpoolReader, here)
    async with link.open():
        ledger = await asyncio.to_thread(Ledger, link, here, reader, None)
        with pytest.raises(BrokerBusy):
            await ledger.publish(alive=False, now=True)
    await asyncio.to_thread(reader.close)


async def test_a_directory_is_not_removed_before_the_last_account_is_told(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await written(spool)
    assert await synced(spool, nats_server) == 0
    await client.jsm().purge_stream("ACCOUNTS")  # its publisher died right before, and that is long ago
    monkeypatch.setattr(directory, "HORIZON_SECONDS", 0.0)
    assert await asyncio.to_thread(lambda: here.expired)
    await synced(spool, nats_server)
    assert (await account_of(client, here.path.name)).ended


def test_a_directory_that_is_not_for_us_to_read_hides_no_other() -> None:
    writer = "ab" * 16
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        closed = root / "a" / "job" / writer
        there = root / "b" / "job" / writer
        for path in (closed, there):
            path.mkdir(parents=True)
            (path / "writer.json").touch()
        closed.chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # the superuser may read everything
        try:
            found = [item.path for item in discover(root)]
            unreadable = waiting(root).unreadable
        finally:
            os.seteuid(user)
        closed.chmod(0o755)
    assert there in found
    assert len(unreadable) == 1
    assert str(closed) in unreadable[0]


async def test_living_writers_do_not_wait_for_the_end_of_each_other(
    client: Client, nats_server: NatsServer, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "MOST_AT_ONCE", 1)
    writers = [await spool.writer() for _ in range(3)]
    for writer in writers:
        await log(writer, 0, COUNT)
    assert (await sync(spool.root, nats_server.endpoint, 10, lambda _: None)).records == 0
    for writer in writers:
        assert steps(await stored(client, writer.directory.path.name)) == identity(COUNT)
        await asyncio.to_thread(writer.finish)
