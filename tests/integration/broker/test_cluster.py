"""A broker that is three servers: streams on all of them, connections to any, and answers that are not out of date."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.errors import BrokerError, BrokerTimeout, Temporary, mapped_errors
from sitewire.broker_config.jetstream_api import Json, ask
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.leader import last_message, next_message
from sitewire.broker_config.model import Broker, Collect, Config
from sitewire.broker_config.names import CLAIMS_BUCKET, METRICS_STREAM, PARTITIONS, RECEIPTS_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.broker_config.topology import apply, plan
from sitewire.schemas.receipt import Receipt
from sitewire.workers.bucket_claims import BucketClaims
from sitewire.workers.receipts import ReceiptBook
from support.cluster import Cluster, Node
from support.links.link import Link
from support.matrix.clustered import Parted
from support.nats import free_port
from support.stream import RUN, body, partition_of, route

pytestmark = [pytest.mark.nats, pytest.mark.timeout(180)]

T = TypeVar("T")

WRITER = "ab" * 16
STREAMS = 8
RECONNECTIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parted]:
    broker = Parted(tmp_path_factory.mktemp("cluster"))
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def cluster(broker: Parted) -> Cluster:
    return broker.cluster


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[Client]:
    client = await connect(cluster.endpoint, name="test")
    yield client
    await client.close()


@pytest.fixture
async def connected() -> AsyncIterator[Callable[[Node], Awaitable[Client]]]:
    """Connect to one of the servers, and no other."""
    clients: list[Client] = []

    async def connected(node: Node) -> Client:
        clients.append(await connect(Endpoint(node.url), name="test"))
        return clients[-1]

    yield connected
    for client in clients:
        await client.close()


async def declare(client: Client, url: str, replicas: int | None) -> list[str]:
    broker = Broker.model_validate({"url": url, "replicas": replicas})
    config = Config(Path("sitewire.yaml"), broker, Collect(spool=Path("/tmp")), (route(),))
    return [str(change) for change in await apply(client, plan(config))]


@pytest.fixture
async def declared(client: Client, cluster: Cluster) -> None:
    """The streams are there, three times each, though no test before this one has made them."""
    await patiently(lambda: declare(client, cluster.url, 3))  # an election may be under way
    await asyncio.to_thread(cluster.wait_whole)


async def test_replicas_are_given_to_what_is_there_and_too_few_servers_are_said(
    client: Client, cluster: Cluster
) -> None:
    assert all(line.startswith("created") for line in await declare(client, cluster.url, None))
    refused = await declare(client, cluster.url, 5)
    assert sum("too few servers for 5 replicas" in line for line in refused) == STREAMS
    updated = await declare(client, cluster.url, 3)
    assert sum("num_replicas 1 -> 3" in line for line in updated) == STREAMS
    await asyncio.to_thread(cluster.wait_whole)
    assert all(line.startswith("unchanged") for line in await declare(client, cluster.url, 3))
    assert all(line.startswith("unchanged") for line in await declare(client, cluster.url, None))
    async with asyncio.timeout(60):
        while {len(info["cluster"].get("replicas", ())) for info in await consumers(client)} != {2}:
            await asyncio.sleep(0.1)


@pytest.mark.usefixtures("declared")
async def test_a_server_that_is_cut_off_answers_nothing_rather_than_what_was_true_before(
    broker: Parted, connected: Callable[[Node], Awaitable[Client]]
) -> None:
    stream = f"KV_{CLAIMS_BUCKET}"
    leaders = [await asyncio.to_thread(broker.cluster.leader, name) for name in (METRICS_STREAM, stream)]
    cut_off = next(node for node in broker.cluster.nodes if node not in leaders)
    client = await connected(leaders[0])
    there = await connected(cut_off)
    try:
        await cut(broker.ways_of(cut_off), there)
        assert await patiently(lambda: BucketClaims(client, "sink").claim("run", "one")) == "one"
        await patiently(
            lambda: client.jetstream().publish(f"metrics.{RUN.site}.{RUN.run}.scalars.{WRITER}", body(0, 5))
        )
        stale = await asked_directly(there)
        assert (stale.headers or {})["Status"] == "404"  # what a direct get says, and is not so
        questions: list[Callable[[], Coroutine[Any, Any, object]]] = [
            Bucket(there, CLAIMS_BUCKET).all,
            lambda: BucketClaims(there, "sink").read("run"),
            lambda: BucketClaims(there, "sink").claim("run", "another"),
            lambda: read_latest(there, METRICS_STREAM),
            lambda: read_stretch(there, METRICS_STREAM, ">", 1, 1000),
            lambda: next_message(there, METRICS_STREAM, ">", 1),
            lambda: last_message(there, METRICS_STREAM, f"metrics.{partition_of(RUN)}.>"),
        ]
        answers = await asyncio.gather(*(question() for question in questions), return_exceptions=True)
        assert all(isinstance(answer, BrokerError) for answer in answers), answers
    finally:
        for link in broker.ways_of(cut_off):
            link.heal()
    assert await patiently(lambda: BucketClaims(client, "sink").claim("run", "another")) == "one"


@pytest.mark.usefixtures("declared")
async def test_a_receipt_that_is_still_on_its_way_is_no_other_workers(
    cluster: Cluster, connected: Callable[[Node], Awaitable[Client]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitewire.workers.receipts._TIMEOUT", 0.5)
    leader = await asyncio.to_thread(cluster.leader, RECEIPTS_STREAM)
    followers = [node for node in cluster.nodes if node is not leader]
    client = await connected(leader)
    book = ReceiptBook(client, "hq")
    await book.load(RUN, "sink")
    for node in followers:
        node.pause()
    try:
        with pytest.raises(BrokerTimeout):
            await book.publish(RUN, Receipt("sink", {}, last_time=2.0))
        with pytest.raises(Temporary):  # and not: somebody else has it
            await book.publish(RUN, Receipt("sink", {}, last_time=3.0))
    finally:
        for node in followers:
            node.resume()
    await patiently(lambda: book.publish(RUN, Receipt("sink", {}, last_time=3.0)))
    assert (found := await ReceiptBook(client, "hq").load(RUN, "sink")) is not None
    assert found.last_time == 3.0


async def test_a_connection_goes_to_any_server_that_was_named_and_to_no_other(cluster: Cluster) -> None:
    first, second, _ = cluster.nodes
    nobody = f"nats://127.0.0.1:{free_port()}"
    back: asyncio.Queue[str] = asyncio.Queue()
    endpoint = Endpoint(f"{nobody},{first.url},{second.url}")
    client = await connect(
        endpoint, name="test", on_event=lambda kind, _: back.put_nowait(kind) if kind == "reconnected" else None
    )
    try:
        async with asyncio.timeout(60):
            while len(client.discovered_servers) != 1:  # the third one, of which the first two tell
                await asyncio.sleep(0.1)
        there = next(node for node in (first, second) if node.port == port_of(client))
        there.kill()
        for _ in range(RECONNECTIONS):
            await asyncio.wait_for(back.get(), 60)
            assert port_of(client) in ({first.port, second.port} - {there.port})
            await client.force_reconnect()
    finally:
        await client.close()


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Try until no leader is missing any more."""
    async with asyncio.timeout(60):
        while True:
            with suppress(Temporary), mapped_errors():
                return await call()
            await asyncio.sleep(0.1)


async def consumers(client: Client) -> list[Json]:
    found: list[Json] = (await ask(client, f"CONSUMER.LIST.{METRICS_STREAM}", {"offset": 0}))["consumers"]
    assert len(found) == PARTITIONS
    return found


async def cut(links: list[Link], client: Client) -> None:
    """Cut a server off that answers direct gets itself: it does not before it has caught up, and others do for it."""
    async with asyncio.timeout(60):
        while True:
            for link in links:
                link.cut()
            with suppress(NoRespondersError, TimeoutError):
                await asked_directly(client)
                return
            for link in links:
                link.heal()
            await asyncio.sleep(0.5)


async def asked_directly(client: Client) -> Msg:
    return await client.request(f"$JS.API.DIRECT.GET.{METRICS_STREAM}", b'{"last_by_subj": ">"}', timeout=2)


def port_of(client: Client) -> int:
    assert client.connected_url is not None
    return client.connected_url.port or 0
