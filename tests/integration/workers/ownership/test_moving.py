"""A route is given another place while workers of the old one are at work: the new place misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.model import Broker, Collect, Config, Route, SinkConfig
from sitewire.broker_config.moving import Standing, mark, route_stands
from sitewire.broker_config.names import METRICS_STREAM, PARTITIONS, consumer_name
from sitewire.broker_config.topology import apply, plan
from sitewire.deploy.accounting import read_rows
from sitewire.schemas.subject import RunKey
from sitewire.workers import worker
from sitewire.workers.errors import RouteMoved
from sitewire.workers.fence import Fence
from sitewire.workers.ownership.tenure import first_of
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.jsonl.sink import JsonlSink
from sitewire.workers.sinks.tensorboard.sink import TensorBoardOptions
from support.crew import Crew, Load, crew_of, lines_route, loads
from support.live import folder_of, read_points
from support.nats import NatsServer
from support.stream import SCALARS, send, tell

pytestmark = pytest.mark.nats

RUNS = [RunKey("clinic", f"job-{number}") for number in range(16)]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOVING_AGAIN", 0.2)


class Books:
    """What was sent, to all runs alike."""

    def __init__(self, client: Client) -> None:
        self.sent = 0
        self._client = client

    async def send(self, count: int = 10) -> None:
        for run in RUNS:
            await send(self._client, self.sent, self.sent + count, run=run)
            await tell(self._client, {SCALARS: (self.sent + count, self.sent + count, 0)}, run=run)
        self.sent += count

    async def written(self, route: Route) -> None:
        """Wait until all of it is in a route's folder, once and in order."""
        load = Load(self._client)
        load.sent = dict.fromkeys(RUNS, self.sent)
        await load.written(Path(route.sink.identity.partition(":")[2]))

    async def told(self, route: Route, delivered: int) -> None:
        """Wait until ``runs`` says with this route's file that so many of each run are in its place."""
        async with asyncio.timeout(20):
            while {row.delivered for row in await read_rows(self._client, config(route))} != {delivered}:
                await asyncio.sleep(0.05)


@pytest.fixture
def books(client: Client) -> Books:
    return Books(client)


@pytest.fixture
def old(tmp_path: Path) -> Route:
    return lines_route(tmp_path / "old")


@pytest.fixture
def new(tmp_path: Path) -> Route:
    return lines_route(tmp_path / "new")


def config(route: Route) -> Config:
    return Config(Path("sitewire.yaml"), Broker(url="nats://nowhere"), Collect(spool=Path("/tmp")), (route,))


@pytest.fixture
async def before(
    nats_server: NatsServer, client: Client, tmp_path: Path, old: Route, books: Books
) -> AsyncIterator[Crew]:
    """Two workers of the old place, which has what was sent so far."""
    async with crew_of(nats_server, client, tmp_path, old) as crew:
        crew.add()
        crew.add()
        await crew.until(lambda view: loads(view) == [PARTITIONS / 2] * 2)
        await books.send()
        await books.written(old)
        yield crew


@pytest.fixture
async def after(nats_server: NatsServer, client: Client, tmp_path: Path, new: Route) -> AsyncIterator[Crew]:
    async with crew_of(nats_server, client, tmp_path, new) as crew:
        yield crew


async def stands(client: Client, route: Route) -> Standing:
    return route_stands(await existing_consumers(client) or {}, route.name, route.sink.identity)


async def test_the_new_place_is_filled_when_the_last_worker_of_the_old_one_has_stopped(
    client: Client, before: Crew, after: Crew, old: Route, new: Route, books: Books, tmp_path: Path
) -> None:
    hand = after.add()
    await asyncio.wait_for(hand.worker.ready.wait(), 10)
    assert await stands(client, new) is Standing.MOVING
    await books.send()
    await books.written(old)
    await books.told(old, books.sent)
    await books.told(new, 0)
    assert not (tmp_path / "new").exists()
    await before.end()
    await books.written(new)
    await books.send()
    await books.written(new)
    await books.told(new, books.sent)
    await books.told(old, 0)
    assert await stands(client, new) is Standing.OURS


async def test_a_place_of_another_sort_is_filled_as_well(
    nats_server: NatsServer, client: Client, before: Crew, books: Books, tmp_path: Path
) -> None:
    logdir = tmp_path / "runs"
    options = TensorBoardOptions(logdir=logdir)
    board = Route(
        "lines", ("metrics.>",), "beginning", SinkConfig("tensorboard", options, tmp_path, f"tensorboard:{logdir}")
    )
    async with crew_of(nats_server, client, tmp_path, board) as crew:
        await asyncio.wait_for(crew.add().worker.ready.wait(), 10)
        await before.end()
        await books.told(board, books.sent)
    for run in RUNS:
        found = read_points(folder_of(logdir, run.site, run.run))
        assert [point.step for points in found.values() for point in points] == list(range(books.sent))


async def test_what_was_only_applied_waits_for_the_old_workers_and_the_next_new_one_fills_it(
    client: Client, before: Crew, after: Crew, old: Route, new: Route, books: Books
) -> None:
    for _ in range(2):
        changes = await apply(client, plan(config(new)))
        (change,) = [change for change in changes if change.what == "route lines"]
        assert "moves to" in change.detail
        assert change.detail.count("process") == 2
    await books.send()
    await books.written(old)
    await before.end()
    assert await stands(client, new) is Standing.MOVING
    after.add()
    await books.written(new)


async def test_what_was_only_applied_and_has_nobody_in_its_way_is_set_back_at_once(
    client: Client, before: Crew, after: Crew, new: Route, books: Books
) -> None:
    await before.end()
    await apply(client, plan(config(new)))
    assert await stands(client, new) is Standing.OURS
    after.add()
    await books.written(new)


async def test_a_change_of_mind_finds_nobody_in_its_way_as_the_workers_are_of_that_place(
    client: Client, before: Crew, old: Route, new: Route, books: Books
) -> None:
    await apply(client, plan(config(new)))
    await apply(client, plan(config(old)))
    assert await stands(client, old) is Standing.OURS
    await books.send()
    await books.written(old)


@pytest.mark.parametrize("marked", [1, PARTITIONS])
@pytest.mark.parametrize("forward", [True, False])
async def test_who_is_killed_between_the_mark_and_the_reset_leaves_it_to_the_next_one(
    client: Client, before: Crew, after: Crew, old: Route, new: Route, books: Books, marked: int, forward: bool
) -> None:
    await before.end()
    consumers = await existing_consumers(client) or {}
    for partition in range(marked):
        await mark(client, consumers[consumer_name("lines", partition)], new.sink.identity)
    await books.send()
    (after if forward else before).add()
    await books.written(new if forward else old)


async def test_a_worker_with_the_old_file_that_is_started_again_waits_and_moves_it_back(
    client: Client, before: Crew, after: Crew, old: Route, new: Route, books: Books
) -> None:
    await before.end()
    after.add()
    await books.written(new)
    back = before.add()
    await asyncio.wait_for(back.worker.ready.wait(), 10)
    assert await stands(client, old) is Standing.MOVING
    await books.send()
    await books.written(new)
    await books.told(old, 0)
    await after.end()
    await books.written(old)
    await books.told(old, books.sent)


async def test_a_worker_of_the_old_place_that_loses_its_connection_gives_way_and_takes_nothing_back(
    nats_server: NatsServer, client: Client, before: Crew, after: Crew, new: Route, books: Books
) -> None:
    hand = after.add()
    await asyncio.wait_for(hand.worker.ready.wait(), 10)
    assert await stands(client, new) is Standing.MOVING
    await _restart(nats_server, client)
    await books.written(new)
    await _restart(nats_server, client)
    await books.send()
    await books.written(new)
    assert await stands(client, new) is Standing.OURS


async def test_a_partition_whose_route_moves_is_not_pulled_and_its_place_not_locked(
    client: Client, before: Crew, old: Route, new: Route, books: Books, tmp_path: Path
) -> None:
    await before.end()
    consumers = await existing_consumers(client) or {}
    await mark(client, consumers[consumer_name("lines", 0)], new.sink.identity)
    await books.send()
    for route, words in ((old, "was moved away"), (new, "is not filled")):
        place = Path(route.sink.identity.partition(":")[2])
        fence = Fence(client, "lines", 0, route.sink.identity)
        owner = RoutePartition(client, "lines", 0, JsonlSink(place), None, int, fence=fence)
        with pytest.raises(RouteMoved, match=words):
            await asyncio.wait_for(owner.run(asyncio.Event()), 10)
    info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("lines", 0))
    assert (info.num_waiting, info.num_ack_pending) == (0, 0)
    assert not (tmp_path / "new").exists()


async def test_a_partition_whose_route_is_moved_while_the_broker_is_away_is_pulled_no_more(
    client: Client, before: Crew, old: Route, new: Route, books: Books
) -> None:
    await before.end()
    generation = 0
    place = Path(old.sink.identity.partition(":")[2])
    fence = Fence(client, "lines", 0, old.sink.identity)
    owner = RoutePartition(client, "lines", 0, JsonlSink(place), None, lambda: generation, fence=fence)
    at_work = asyncio.create_task(owner.run(asyncio.Event()))
    await _pulls(client)
    consumers = await existing_consumers(client) or {}
    await mark(client, consumers[consumer_name("lines", 0)], new.sink.identity)
    generation += 1
    await asyncio.wait([at_work], timeout=15)
    error = at_work.exception()
    assert isinstance(error, ExceptionGroup)
    assert isinstance(first_of(error), RouteMoved)


async def _restart(server: NatsServer, client: Client) -> None:
    server.kill()
    server.start()
    async with asyncio.timeout(20):
        while True:
            try:
                async with asyncio.timeout(0.5):  # what was asked of the server that died is answered by nobody
                    await existing_consumers(client)
            except (BrokerError, TimeoutError):
                await asyncio.sleep(0.05)
            else:
                return


async def _pulls(client: Client) -> None:
    async with asyncio.timeout(10):
        while not (await client.jsm().consumer_info(METRICS_STREAM, consumer_name("lines", 0))).num_waiting:
            await asyncio.sleep(0.02)
