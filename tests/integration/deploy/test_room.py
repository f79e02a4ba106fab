"""``status`` says how full the stream is, who holds it, and what was put aside; ``forget`` lets go of a route."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import connect
from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.errors import NotThere
from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.model import Broker, Collect, Config, Route
from sitewire.broker_config.names import LEASES_BUCKET, METRICS_STREAM, PARKED_BUCKET, RETRIES_STREAM, consumer_name
from sitewire.deploy.cli.main import main
from sitewire.deploy.cli.room import warnings
from sitewire.deploy.cli.terminal import duration
from sitewire.deploy.errors import RouteInUse
from sitewire.deploy.forget import forget
from sitewire.deploy.health import read_health
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import Subject
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.lease import WorkerLease, encode
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.trimmer.reading import read_needs, read_state
from support.config import write_config
from support.nats import NatsServer
from support.stream import RUN, WRITER, declare, partition_of, route

pytestmark = pytest.mark.nats

BOUND = 4 * 1024 * 1024
OURS = consumer_name("hq", partition_of(RUN))


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, max_bytes=BOUND)
    yield client
    await client.close()


def config_of(server: NatsServer, *routes: Route) -> Config:
    return Config(Path("sitewire.yaml"), Broker(url=server.url), Collect(spool=Path("/tmp")), routes)


async def fill(client: Client, count: int = 35) -> None:
    for _ in range(count):
        await client.jetstream().publish(str(Subject(RUN, RecordClass.SCALARS, WRITER)), bytes(100_000))


async def commit(client: Client, name: str = OURS, count: int = 35) -> None:
    subscription = await client.jetstream().pull_subscribe_bind(name, METRICS_STREAM)
    for message in await subscription.fetch(count):
        await message.ack_sync()
    await subscription.unsubscribe()


async def join(client: Client, *routes: str, trims: bool = True) -> None:
    """Have somebody say that he is a worker, and owns the trimmer if he may."""
    bucket = Bucket(client, LEASES_BUCKET)
    await bucket.create("worker.w1", encode(WorkerLease("box", 41, 1.7e9, routes, trims)))
    if trims:
        await bucket.create("unit.trimmer", encode(lease.UnitLease("w1", 1.7e9)))


async def test_with_room_enough_nothing_is_said(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client, 20)
    health = await read_health(client, config_of(nats_server, route()))
    assert warnings(health) == []
    assert 0.45 < health.room.fullness < 0.5


async def test_a_stream_that_is_nearly_full_is_said_with_how_long_it_lasts_and_who_holds_it(
    client: Client, nats_server: NatsServer
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client)
    await join(client, trims=True)
    health = await read_health(client, config_of(nats_server, route()))
    (holder,) = health.room.holders
    assert (holder.route, holder.partition, holder.messages, holder.in_file) == ("hq", partition_of(RUN), 35, True)
    assert holder.bytes == health.streams[0].bytes
    assert health.room.full_in is not None
    (line,) = warnings(health)[1:]
    assert line.startswith("the metrics stream is 84% full, at this rate wholly in ") or "publishers wait" in line
    assert f": held by route hq, partition {partition_of(RUN)} (35 messages, 3 MiB, the oldest " in line
    assert line.endswith(", which no worker has taken up")


async def test_when_nobody_trims_that_is_said(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client)
    await commit(client)
    await join(client, "hq", trims=False)
    (line,) = warnings(await read_health(client, config_of(nats_server, route())))[1:]
    assert line.endswith("; nobody trims it, because no worker runs without `--route`")


async def test_a_stream_that_has_stopped_growing_lasts_longer_the_longer_it_stands(
    client: Client, nats_server: NatsServer
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client)
    first = (await read_health(client, config_of(nats_server, route()))).room.full_in
    await asyncio.sleep(0.3)  # time is what this is about
    later = (await read_health(client, config_of(nats_server, route()))).room.full_in
    assert first is not None
    assert later is not None
    assert later > 1.5 * first


async def test_a_route_that_is_not_in_the_file_is_named_with_what_to_do(
    client: Client, nats_server: NatsServer
) -> None:
    await declare(client, route(), route("old"), max_bytes=BOUND)
    await fill(client)
    await commit(client)
    health = await read_health(client, config_of(nats_server, route()))
    assert health.stale_routes == ("old",)
    first, second = warnings(health)[1:]
    assert ": held by route old, partition" in first
    assert first.endswith(", which is not in the file")
    assert second.endswith("holds the stream: `sitewire broker forget -c FILE old` gives it up")


async def test_parked_runs_are_listed_with_their_reasons_and_hold(
    client: Client, nats_server: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await declare(client, route(), max_bytes=BOUND)
    await fill(client)
    await commit(client)
    key = parked_key("hq", partition_of(RUN), RUN)
    await Bucket(client, PARKED_BUCKET).create(key, ParkedRun(6, "a file is in the way", time.time() - 7500).encode())
    file = write_config(
        tmp_path,
        f"""\
        broker: {{url: "{nats_server.url}"}}
        routes: {{hq: {{subjects: ["metrics.>"], sink: {{type: null}}}}}}
        """,
    )
    assert await asyncio.to_thread(main, ["status", "-c", str(file)]) == 0
    shown = capsys.readouterr().out
    line = f"held by route hq, partition {partition_of(RUN)}, its parked run job of clinic (30 messages"
    assert line in " ".join(shown.split())  # however wide the terminal is
    table = shown[shown.index("parked run  site") :].splitlines()
    assert table[1].split() == ["job", "clinic", "hq", "2", "h", "ago", "a", "file", "is", "in", "the", "way"]
    assert await asyncio.to_thread(main, ["status", "--json", "-c", str(file)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["parked"][0] | {"since": 0} == {
        "route": "hq",
        "partition": partition_of(RUN),
        "site": "clinic",
        "run": "job",
        "since": 0,
        "reason": "a file is in the way",
    }
    assert [holder["kind"] for holder in found["room"]["holders"]] == ["parked"]


async def test_a_route_that_was_forgotten_holds_nothing_and_leaves_the_others(
    client: Client, nats_server: NatsServer
) -> None:
    await declare(client, route(), route("old"), max_bytes=BOUND)
    await fill(client, 3)
    await client.jetstream().publish(f"retry.old.{'.'.join(RUN.tokens)}.scalars", b"x")
    await client.jetstream().publish(f"retry.hq.{'.'.join(RUN.tokens)}.scalars", b"x")
    bucket = Bucket(client, PARKED_BUCKET)
    for name in ("old", "hq"):
        await bucket.create(parked_key(name, partition_of(RUN), RUN), ParkedRun(1, "x", 1.0).encode())
    config = config_of(nats_server, route())

    planned = await forget(client, config, "old", dry_run=True)
    assert len(await existing_consumers(client) or {}) == 16
    changes = await forget(client, config, "old", dry_run=False)

    assert planned == changes
    assert len(changes) == 17
    assert str(changes[0]) == f"deleted parked run old.{partition_of(RUN)}.clinic.job"
    assert str(changes[-1]) == "deleted consumer route-old-p7 of METRICS"
    for stream, sort in ((METRICS_STREAM, "route"), (RETRIES_STREAM, "retry")):
        names = await existing_consumers(client, stream) or {}
        assert sorted(names) == [f"{sort}-hq-p{number}" for number in range(8)]
    assert (await read_state(client, RETRIES_STREAM)).messages == 1
    assert {need.route for need in await read_needs(client)} == {"hq"}
    assert list(await bucket.all()) == [parked_key("hq", partition_of(RUN), RUN)]
    with pytest.raises(NotThere, match="no route `old`"):
        await forget(client, config, "old", dry_run=False)


async def test_to_forget_a_route_that_was_killed_half_way_is_completed_by_the_next(
    client: Client, nats_server: NatsServer
) -> None:
    await declare(client, route("old"), max_bytes=BOUND)
    for stream, name in ((RETRIES_STREAM, "retry-old-p0"), (METRICS_STREAM, "route-old-p0")):
        await ask(client, f"CONSUMER.DELETE.{stream}.{name}")
    await forget(client, config_of(nats_server), "old", dry_run=False)
    assert await existing_consumers(client) == {}


async def test_an_entry_that_nobody_can_read_is_forgotten_by_its_key(client: Client, nats_server: NatsServer) -> None:
    await Bucket(client, PARKED_BUCKET).create("who.knows", b"")
    (need,) = await read_needs(client)
    await forget(client, config_of(nats_server), need.route, dry_run=False)
    assert await Bucket(client, PARKED_BUCKET).all() == {}


async def test_a_route_of_the_file_is_not_forgotten(client: Client, nats_server: NatsServer) -> None:
    await declare(client, route(), max_bytes=BOUND)
    with pytest.raises(RouteInUse, match=r"is in sitewire\.yaml; take it out there"):
        await forget(client, config_of(nats_server, route()), "hq", dry_run=False)


async def test_a_route_that_a_worker_serves_is_not_forgotten_but_one_of_a_dead_worker_is(
    client: Client, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "LEASE", 1.0)
    await declare(client, route("old"), max_bytes=BOUND)
    await join(client, "old")
    bucket = Bucket(client, LEASES_BUCKET)

    async def renew_often() -> None:
        while True:
            revision = (await bucket.all())["worker.w1"].revision
            await bucket.update("worker.w1", encode(WorkerLease("box", 41, 1.7e9, ("old",))), revision)
            await asyncio.sleep(0.1)

    renewing = asyncio.create_task(renew_often())
    with pytest.raises(RouteInUse, match="is served by process 41 on box"):
        await forget(client, config_of(nats_server), "old", dry_run=False)
    renewing.cancel()
    await asyncio.wait([renewing])
    assert await forget(client, config_of(nats_server), "old", dry_run=False)


def test_a_length_of_time_is_said_in_the_unit_that_people_would_take() -> None:
    assert [duration(each) for each in (0.4, 119, 120, 7199, 7200, 172799, 172800)] == [
        "0 s",
        "119 s",
        "2 min",
        "120 min",
        "2 h",
        "48 h",
        "2 d",
    ]
