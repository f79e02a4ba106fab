"""Buckets over a real server: compare-and-set, all keys at once, deleted keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from sitewire.broker_config import latest
from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import connect
from sitewire.broker_config.errors import BrokerError, Conflict
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import ACCOUNTS_STREAM, LEASES_BUCKET
from support.nats import NatsServer
from support.stream import declare

pytestmark = pytest.mark.nats


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client)
    yield client
    await client.close()


@pytest.fixture
def bucket(client: Client) -> Bucket:
    return Bucket(client, LEASES_BUCKET)


async def test_a_bucket_begins_empty_and_gives_back_every_key(bucket: Bucket) -> None:
    assert await bucket.all() == {}
    revisions = {f"unit.{number}": await bucket.create(f"unit.{number}", b"%d" % number) for number in range(3)}
    await bucket.create("worker.a", b"alive")
    found = await bucket.all("unit.*")
    assert {key: entry.revision for key, entry in found.items()} == revisions
    assert len(await bucket.all()) == 4


async def test_only_the_holder_of_the_last_revision_writes(bucket: Bucket) -> None:
    first = await bucket.create("unit.a", b"1")
    second = await bucket.update("unit.a", b"2", first)
    with pytest.raises(Conflict):
        await bucket.update("unit.a", b"3", first)
    with pytest.raises(Conflict):
        await bucket.delete("unit.a", first)
    with pytest.raises(Conflict):
        await bucket.create("unit.a", b"4")
    await bucket.delete("unit.a", second)
    assert await bucket.all() == {}
    with pytest.raises(Conflict):
        await bucket.update("unit.a", b"5", second)


async def test_a_deleted_key_can_be_made_again_and_its_revisions_go_on(bucket: Bucket) -> None:
    first = await bucket.create("unit.a", b"1")
    await bucket.delete("unit.a", first)
    again = await bucket.create("unit.a", b"2")
    assert again > first
    assert (await bucket.all())["unit.a"].value == b"2"


async def test_more_subjects_than_one_answer_takes_are_read_all(client: Client) -> None:
    for number in range(1100):
        await client.publish(f"account.site.run.{number}", b"%d" % number)
    await client.jetstream().publish("account.site.run.last", b"x")
    found = await read_latest(client, ACCOUNTS_STREAM)
    assert len(found) == 1101
    assert all(item.time > 1.7e9 for item in found)
    assert [item.data for item in found if item.subject.endswith(".7")] == [b"7"]


async def test_more_bytes_than_one_answer_takes_are_read_all(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "_PAGE", 5000)
    for number in range(40):
        await client.jetstream().publish(f"account.site.run.{number}", bytes(number * 50))
    found = await read_latest(client, ACCOUNTS_STREAM)
    assert sorted(len(item.data) for item in found) == [number * 50 for number in range(40)]


async def test_one_answer_says_when_each_was_stored(client: Client) -> None:
    await client.jetstream().publish("account.site.run.a", b"x", headers={"Own": "header"})
    (only,) = await read_latest(client, ACCOUNTS_STREAM, "account.site.*.*")
    assert (only.headers, only.sequence, only.time > 1.7e9) == ({"Own": "header"}, 1, True)


async def test_a_bucket_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(BrokerError):
        await Bucket(client, "NONE").all()
