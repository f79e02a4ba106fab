"""A worker's own key: renewed, evicted, and never taken for gone because of its own late words."""

from __future__ import annotations

import asyncio
import logging
import shutil

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import BrokerError, Conflict
from sitewire.broker_config.names import LEASES_BUCKET
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.errors import Evicted
from sitewire.workers.ownership.lease import WORKER_KEYS, WorkerLease, decode_worker
from sitewire.workers.ownership.member import Membership
from support.nats import NatsServer
from support.stream import declare

pytestmark = pytest.mark.nats


@pytest.fixture
async def bucket(client: Client) -> Bucket:
    await declare(client)
    return Bucket(client, LEASES_BUCKET)


@pytest.fixture
def member(client: Client, bucket: Bucket) -> Membership:
    return Membership(client, bucket, WorkerLease(host="here", pid=1))


async def test_a_lease_begins_when_the_key_is_made_and_lapses_when_nobody_renews_it(
    member: Membership, bucket: Bucket
) -> None:
    assert member.left() < 0
    await member.renew()
    assert lease.LEASE - 1 < member.left() <= lease.LEASE
    assert list(await bucket.all()) == [WORKER_KEYS + member.id]


async def test_a_renewal_of_which_the_answer_was_lost_is_no_eviction_and_no_longer_lease(
    member: Membership, bucket: Bucket
) -> None:
    await member.renew()
    key = WORKER_KEYS + member.id
    ((_, entry),) = (await bucket.all()).items()
    await bucket.update(key, entry.value, entry.revision)  # what it had sent comes late
    before = member.left()
    await member.renew()
    assert member.left() <= before
    await member.renew()
    assert member.left() > before


async def test_the_first_word_may_be_lost_as_well(member: Membership, bucket: Bucket) -> None:
    await bucket.create(WORKER_KEYS + member.id, b"{}")
    await member.renew()
    assert member.left() < 0
    await member.renew()
    assert member.left() > 0


async def test_who_is_evicted_finds_out_and_cannot_make_its_key_again(member: Membership, bucket: Bucket) -> None:
    await member.renew()
    ((key, entry),) = (await bucket.all()).items()
    await bucket.delete(key, entry.revision)
    for _ in range(2):
        with pytest.raises(Evicted):
            await member.renew()
    assert not await bucket.all()


async def test_of_a_late_renewal_and_an_eviction_exactly_one_wins(client: Client, bucket: Bucket) -> None:
    wins = {"renewal": 0, "eviction": 0}
    for number in range(60):
        member = Membership(client, bucket, WorkerLease())
        await member.renew()
        key = WORKER_KEYS + member.id
        revision = (await bucket.all(key))[key].revision
        calls = [member.renew(), bucket.delete(key, revision)]
        order = (0, 1) if number % 2 else (1, 0)
        tasks = {which: asyncio.create_task(calls[which]) for which in order}
        await asyncio.wait(tasks.values())
        renewed, evicted = (tasks[which].exception() for which in (0, 1))
        assert isinstance(evicted, Conflict) if renewed is None else isinstance(renewed, Evicted)
        assert (key in await bucket.all(key)) == (renewed is None)
        wins["renewal" if renewed is None else "eviction"] += 1
    assert all(wins.values())


async def test_the_lease_is_counted_from_before_the_renewal_was_sent(
    member: Membership, nats_server: NatsServer
) -> None:
    await member.renew()
    nats_server.pause()
    renewing = asyncio.create_task(member.renew())
    await asyncio.sleep(0.2)
    nats_server.resume()
    await renewing
    assert member.left() <= lease.LEASE - 0.2


async def test_a_broker_that_does_not_answer_leaves_the_lease_as_it_is(
    member: Membership, nats_server: NatsServer
) -> None:
    await member.renew()
    before = member.left()
    nats_server.pause()
    with pytest.raises(BrokerError):
        await member.renew()
    assert member.left() < before
    nats_server.resume()


async def test_a_key_from_an_old_copy_of_the_store_is_none(
    member: Membership, client: Client, bucket: Bucket, nats_server: NatsServer
) -> None:
    copy = nats_server.directory / "copy"
    await member.renew()
    await asyncio.to_thread(nats_server.stop)
    await asyncio.to_thread(shutil.copytree, nats_server.store, copy)
    await asyncio.to_thread(nats_server.start)
    await _answered(member)
    await asyncio.to_thread(nats_server.stop)
    await asyncio.to_thread(shutil.rmtree, nats_server.store)
    await asyncio.to_thread(copy.rename, nats_server.store)
    await asyncio.to_thread(nats_server.start)
    with pytest.raises(Evicted):
        await _answered(member)
    await member.leave()
    assert not await bucket.all()


async def test_who_leaves_says_so_first(member: Membership, bucket: Bucket) -> None:
    await member.renew()
    await member.say_leaving()
    ((_, entry),) = (await bucket.all()).items()
    assert decode_worker(entry.value).leaving
    await member.leave()
    assert not await bucket.all()


async def _answered(member: Membership) -> None:
    async with asyncio.timeout(20):
        while True:
            try:
                return await member.renew()
            except BrokerError:
                await asyncio.sleep(0.05)


async def test_a_broker_that_does_not_answer_is_said_to_be_why_the_lease_stays(
    member: Membership, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await member.renew()
    monkeypatch.setattr("sitewire.workers.ownership.member.LEAVE_TIMEOUT", 0.1)
    nats_server.pause()
    with caplog.at_level(logging.INFO, "sitewire.worker"):
        await member.leave()
    nats_server.resume()
    (line,) = caplog.messages
    assert line.endswith("stand still: the broker did not answer in time")
