from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.errors import BadRequestError
from pydantic import BaseModel

from sitewire.broker_config.change import ChangeKind
from sitewire.broker_config.connection import connect
from sitewire.broker_config.consumers import apply_route, plan_route
from sitewire.broker_config.errors import NotThere, Refused, StreamFull, mapped_errors
from sitewire.broker_config.model import Broker, Collect, Config, Embedded, Route, SinkConfig, Start
from sitewire.broker_config.names import METRICS_STREAM, PARTITIONS, consumer_name
from sitewire.broker_config.patterns import contains
from sitewire.broker_config.streams import plan_streams
from sitewire.broker_config.topology import apply, plan, route_start
from sitewire.schemas.subject import parse_stored
from support.nats import NatsServer

pytestmark = pytest.mark.nats

WRITER = "ab" * 16
ALL = ("metrics.>",)


class NoOptions(BaseModel):
    pass


def route(
    name: str = "hq", subjects: tuple[str, ...] = ALL, start: Start = "beginning", place: str | None = None
) -> Route:
    return Route(name, subjects, start, SinkConfig("null", NoOptions(), Path("/"), f"null:{place or name}"))


def config(*routes: Route, max_bytes: int | None = None) -> Config:
    broker = Broker(embedded=Embedded(store=Path("/tmp"), max_bytes=max_bytes))
    return Config(Path("sitewire.yaml"), broker, Collect(spool=Path("/tmp")), routes)


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    yield client
    await client.close()


@pytest.fixture
async def clients(nats_server: NatsServer) -> AsyncIterator[list[Client]]:
    clients = [await connect(nats_server.endpoint, name=f"test {number}") for number in range(4)]
    yield clients
    for client in clients:
        await client.close()


async def declare(
    client: Client, *routes: Route, max_bytes: int | None = None, dry_run: bool = False
) -> dict[str, str]:
    changes = await apply(client, plan(config(*routes, max_bytes=max_bytes)), dry_run=dry_run)
    return {change.what: str(change.kind) for change in changes}


async def publish(client: Client, site: str, kind: str = "scalars", run: str = "run") -> int:
    return (await client.jetstream().publish(f"metrics.{site}.{run}.{kind}.{WRITER}", b"x")).seq


async def received(client: Client, name: str = "hq", *, acknowledge: bool = False) -> list[str]:
    subjects = []
    for partition in range(PARTITIONS):
        consumer = consumer_name(name, partition)
        info = await client.jetstream().consumer_info(METRICS_STREAM, consumer)
        if info.num_pending:
            pull = await client.jetstream().pull_subscribe_bind(consumer, stream=METRICS_STREAM)
            messages = await pull.fetch(info.num_pending, timeout=5)
            subjects += [message.subject for message in messages]
            for message in messages if acknowledge else []:
                await message.ack_sync()
            assert {parse_stored(message.subject)[0] for message in messages} == {partition}
    return subjects


async def test_everything_is_created_once_and_then_found_unchanged(client: Client) -> None:
    whats = {*(f"stream {item.name}" for item in plan_streams(config().broker)), "route a", "route b"}
    routes = (route("a", ("metrics.site.*.scalars.>",)), route("b", start="new"))
    assert await declare(client, *routes, dry_run=True) == dict.fromkeys(whats, "created")
    assert (await client.jetstream().account_info()).streams == 0, "a dry run changes nothing"
    assert await declare(client, *routes) == dict.fromkeys(whats, "created")
    assert await declare(client, *routes) == dict.fromkeys(whats, "unchanged")
    assert await declare(client, *routes, dry_run=True) == dict.fromkeys(whats, "unchanged")
    assert len(await client.jetstream().consumers_info(METRICS_STREAM)) == 2 * PARTITIONS


async def test_the_transform_puts_one_partition_per_run_into_the_subject(client: Client) -> None:
    await declare(client)
    stored: dict[str, set[int]] = {}
    for site in range(40):
        for kind in ("scalars", "run"):
            sequence = await publish(client, f"site-{site}", kind)
            message = await client.jetstream().get_msg(METRICS_STREAM, sequence)
            partition, subject = parse_stored(str(message.subject))
            assert 0 <= partition < PARTITIONS
            stored.setdefault(subject.key.site, set()).add(partition)
    assert all(len(partitions) == 1 for partitions in stored.values()), "a run's classes share a partition"
    assert len(set.union(*stored.values())) == PARTITIONS, "all partitions are used"


async def test_a_subject_of_another_depth_is_not_stored(client: Client) -> None:
    await declare(client)
    for subject in ("metrics.a.b.scalars", f"metrics.0.a.b.scalars.{WRITER}"):
        with pytest.raises(Exception, match="no response from stream"):
            await client.jetstream().publish(subject, b"x")


async def test_a_route_receives_its_subjects_and_the_class_run_each_once(client: Client) -> None:
    await declare(client, route(subjects=("metrics.a.*.scalars.>", "metrics.*.special.media.>")))
    for site, run, kind in (("a", "r", "scalars"), ("a", "r", "media"), ("a", "special", "run"), ("b", "r", "run")):
        await publish(client, site, kind, run)
    subjects = sorted(subject.split(".", 2)[2] for subject in await received(client))
    assert subjects == [f"a.r.scalars.{WRITER}", f"a.special.run.{WRITER}"]


async def test_the_account_stream_keeps_the_last_message_of_a_subject(client: Client) -> None:
    await declare(client)
    for content in (b"1", b"2"):
        await client.jetstream().publish("account.a.b.c", content)
    info = await client.jetstream().stream_info("ACCOUNTS")
    assert info.state.messages == 1
    assert (await client.jetstream().get_last_msg("ACCOUNTS", "account.a.b.c", direct=True)).data == b"2"


async def test_a_full_stream_refuses_and_keeps_what_it_has(client: Client) -> None:
    await declare(client, max_bytes=1024 * 1024)
    for _ in range(4):
        await client.jetstream().publish(f"metrics.a.b.scalars.{WRITER}", bytes(250 * 1024))
    with pytest.raises(StreamFull), mapped_errors():
        await client.jetstream().publish(f"metrics.a.b.scalars.{WRITER}", bytes(250 * 1024))
    assert (await client.jetstream().stream_info(METRICS_STREAM)).state.first_seq == 1


async def test_a_bound_that_is_stated_is_applied_and_one_that_is_not_stays(client: Client) -> None:
    async def bound() -> int | None:
        return (await client.jetstream().stream_info(METRICS_STREAM)).config.max_bytes

    await declare(client)
    assert 0 < (await bound() or 0) <= 10 * 1024**3
    assert (await declare(client, max_bytes=5_000_000))["stream METRICS"] == "updated"
    assert (await declare(client))["stream METRICS"] == "unchanged"
    assert await bound() == 5_000_000
    for _ in range(6):
        await client.jetstream().publish(f"metrics.a.b.scalars.{WRITER}", bytes(500 * 1024))
    assert (await declare(client, max_bytes=1024 * 1024))["stream METRICS"] == "refused"
    assert await bound() == 5_000_000


async def test_a_start_at_the_beginning_sees_all_and_new_only_what_comes(client: Client) -> None:
    await declare(client)
    for number in range(20):
        await publish(client, f"old-{number}")
    await declare(client, route("old"), route("young", start="new"))
    for number in range(20):
        await publish(client, f"new-{number}")
    assert len(await received(client, "old")) == 40
    assert sorted(s.split(".")[2] for s in await received(client, "young")) == sorted(f"new-{n}" for n in range(20))
    assert await route_start(client, "old") == 0
    assert await route_start(client, "young") == 21


async def test_new_on_an_empty_stream_is_sequence_one(client: Client) -> None:
    await declare(client, route(start="new"))
    assert await route_start(client, "hq") == 1


async def test_a_start_at_a_time_is_the_first_message_at_or_after_it(client: Client) -> None:
    await declare(client)
    await publish(client, "before")
    sequence = await publish(client, "after")
    message = await client.jetstream().get_msg(METRICS_STREAM, sequence, direct=True)
    time = datetime.fromisoformat((message.headers or {})["Nats-Time-Stamp"][:26] + "+00:00")
    await declare(
        client,
        route("at", start=time),  # cut to microseconds: not after the message
        route("later", start=time + timedelta(microseconds=1)),
        route("ancient", start=datetime(2020, 1, 1, tzinfo=UTC)),
    )
    assert await route_start(client, "at") == sequence
    assert await route_start(client, "later") == sequence + 1
    assert await route_start(client, "ancient") == 1
    offset = time.astimezone(tz=None)
    assert (await declare(client, route("at", start=offset)))["route at"] == "unchanged", "the same instant"


async def test_a_start_in_the_future_is_refused(client: Client) -> None:
    later = datetime.now(UTC) + timedelta(days=1)
    assert (await declare(client, route(start=later)))["route hq"] == "refused"
    with pytest.raises(NotThere, match="broker apply"):
        await route_start(client, "hq")


async def test_a_changed_start_is_refused_and_nothing_moves(client: Client) -> None:
    await declare(client, route(start="new"))
    changes = await apply(client, plan(config(route(start="beginning"))))
    assert [change.kind for change in changes][-1] is ChangeKind.REFUSED
    assert "rename the route" in changes[-1].detail
    assert await route_start(client, "hq") == 1


async def test_changed_subjects_update_the_consumers_and_keep_the_position(client: Client) -> None:
    await declare(client, route())
    await publish(client, "a")
    assert len(await received(client)) == 1
    assert (await declare(client, route(subjects=("metrics.a.*.scalars.>",)), dry_run=True))["route hq"] == "updated"
    assert (await declare(client, route(subjects=("metrics.a.*.scalars.>",))))["route hq"] == "updated"
    assert (await declare(client, route(subjects=("metrics.a.*.scalars.>",))))["route hq"] == "unchanged"
    await publish(client, "b")
    await publish(client, "a")
    assert [subject.split(".")[2] for subject in await received(client)] == ["a"]


@pytest.mark.parametrize(("start", "count"), [("beginning", 5), ("new", 3)])
async def test_a_route_that_writes_to_another_place_fills_it_from_its_start(
    client: Client, start: Start, count: int
) -> None:
    await declare(client)
    for number in range(2):
        await publish(client, f"early-{number}")
    await declare(client, route(start=start))
    for number in range(3):
        await publish(client, f"late-{number}")
    assert len(await received(client, acknowledge=True)) == count
    moved = route(start=start, place="elsewhere")
    assert (await declare(client, moved, dry_run=True))["route hq"] == ChangeKind.UPDATED
    assert await received(client) == []
    assert (await declare(client, moved))["route hq"] == ChangeKind.UPDATED
    assert len(await received(client, acknowledge=True)) == count
    assert (await declare(client, moved))["route hq"] == ChangeKind.UNCHANGED
    assert await received(client) == []


async def test_a_route_that_left_the_file_keeps_its_position_and_is_named(client: Client) -> None:
    await declare(client, route("old"), route("hq"))
    assert (await declare(client, route("hq")))["route old"] == "stale"
    assert (await declare(client, route("hq"), route("old")))["route old"] == "unchanged"


async def test_consumers_that_are_missing_are_made_with_the_start_of_the_others(client: Client) -> None:
    await declare(client, route(start="new"))
    for number in range(PARTITIONS * 2):
        await publish(client, f"s{number}")
    for partition in (3, 7):
        await client.jetstream().delete_consumer(METRICS_STREAM, consumer_name("hq", partition))
    assert (await declare(client, route(start="new")))["route hq"] == "created"
    assert len(await received(client)) == PARTITIONS * 2


async def test_two_that_apply_at_once_agree_on_one_start(client: Client, clients: list[Client]) -> None:
    writing = True

    async def write() -> None:
        number = 0
        while writing:
            number += 1
            await publish(client, f"s{number}")

    await declare(client)
    writer = asyncio.create_task(write())
    await asyncio.gather(*(declare(other, route(start="new"), route("b")) for other in clients))
    writing = False
    await writer
    infos = await client.jetstream().consumers_info(METRICS_STREAM)
    starts = {info.config.opt_start_seq for info in infos if info.name.startswith("route-hq")}
    assert len(infos) == 2 * PARTITIONS
    assert len(starts) == 1
    assert None not in starts


async def test_one_that_looked_before_another_created_takes_over_the_other_s_start(client: Client) -> None:
    await declare(client)
    planned = plan_route(route(start="new"))
    await apply_route(client, planned, {}, dry_run=False)
    await publish(client, "a")
    await apply_route(client, planned, {}, dry_run=False)  # it has seen no consumers, and the next sequence is 2
    infos = await client.jetstream().consumers_info(METRICS_STREAM)
    assert {info.config.opt_start_seq for info in infos} == {1}


async def test_two_that_create_the_streams_at_once_both_succeed(clients: list[Client]) -> None:
    results = await asyncio.gather(*(declare(one, route()) for one in clients))
    assert all("refused" not in result.values() for result in results)


async def test_a_transform_of_another_kind_is_refused_when_there_are_messages(client: Client) -> None:
    await client.jetstream().add_stream(name=METRICS_STREAM, subjects=["metrics.*.*.*.*"])
    assert (await declare(client, dry_run=True))["stream METRICS"] == "updated"
    await publish(client, "a")
    assert (await declare(client))["stream METRICS"] == "refused"


async def test_another_stream_on_our_subjects_is_an_error_with_the_server_s_words(client: Client) -> None:
    await client.jetstream().add_stream(name="OTHER", subjects=["metrics.>"])
    with pytest.raises(Refused, match="subjects overlap"):
        await declare(client)


async def test_a_bound_that_the_server_has_no_room_for_is_refused_with_words(client: Client) -> None:
    changes = await apply(client, plan(config(route(), max_bytes=10**18)))
    assert changes[0].kind is ChangeKind.REFUSED
    assert "no room for 1000000000000000000 bytes" in changes[0].detail
    assert not any("route" in change.what for change in changes), "no route is tried without the stream"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("metrics.0.*.*.*.*", "metrics.0.a.*.run.*"),
        ("metrics.0.a.*.run.*", "metrics.0.*.b.run.*"),
        ("metrics.0.a.*.run.*", "metrics.0.a.*.run.*"),
        ("metrics.0.a.*.run.*", "metrics.0.b.*.run.*"),
        ("metrics.0.a.*.*.w", "metrics.0.a.b.*.*"),
        ("metrics.0.a.b.*.*", "metrics.0.a.b.run.w"),
    ],
)
async def test_the_server_refuses_exactly_the_filters_that_contain_one_another(
    client: Client, first: str, second: str
) -> None:
    await declare(client)
    add = client.jetstream().add_consumer(METRICS_STREAM, durable_name="x", filter_subjects=[first, second])
    if contains(first, second) or contains(second, first):
        with pytest.raises(BadRequestError, match="overlap"):
            await add
    else:
        await add
