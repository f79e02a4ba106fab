"""A place that is down: one attempt at a time, nobody parked, one line when it begins and one when it is over."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers import breaker, circuit, route
from sitewire.workers.errors import PlaceDown, SinkUnavailable, Throttled
from sitewire.workers.route import RoutePartition
from support.memory_sink import MemorySink, Place, Running
from support.parking import make_impatient
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, partition_of, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)
RUNS = [RUN, *neighbours(5)]
DOWN = PlaceDown("connection refused")


@dataclass
class Tracker(Place):
    """A place that can be down as a whole.

    Attributes:
        error: what every attempt to open or write a run meets; None if it is well.
        tried: when that was, on the monotonic clock.
    """

    error: Exception | None = None
    tried: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def check(self, run: RunKey) -> None:
        if self.error is not None:
            self.tried.append(time.monotonic())
            raise self.error
        super().check(run)


@pytest.fixture
def place() -> Tracker:
    return Tracker()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    make_impatient(monkeypatch)
    monkeypatch.setattr(circuit, "FIRST_PAUSE", 0.1)
    monkeypatch.setattr(circuit, "MOST_PAUSE", 0.2)


async def tries(place: Tracker, count: int) -> None:
    """Wait for so many attempts."""
    async with asyncio.timeout(20):
        while len(place.tried) < count:
            await asyncio.sleep(0.01)


async def test_of_many_new_runs_a_few_are_opened_at_a_time_and_one_that_is_open_waits_for_none_of_them(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaker, "PATIENCE", 60.0)
    others = neighbours(20)
    async with running():
        await send(client, 0, 1)
        await place.until(RUN, KEY, 1)
        place.gate.clear()
        for run in others:
            await send(client, 0, 1, run=run)
        while len(place.asked) <= breaker.NEWCOMERS:
            await asyncio.sleep(0.01)
        await send(client, 1, 5)
        await place.until(RUN, KEY, 5)
        assert place.asked > {RUN}
        assert len(place.asked) == 1 + breaker.NEWCOMERS
        place.gate.set()
        for run in others:
            await place.until(run, KEY, 1)


async def test_while_it_is_down_few_attempts_are_made_and_nobody_is_parked(
    client: Client, place: Tracker, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sitewire.worker")
    place.error = DOWN
    async with running():
        for run in RUNS:
            await send(client, 0, 10, run=run)
        await tries(place, circuit.IN_A_ROW)
        began, before = time.monotonic(), len(place.tried)
        await asyncio.sleep(2.0)
        made = len(place.tried) - before
        assert 5 <= made < len(RUNS) + 2.0 / 0.1 * 3, "one at a time, at most 0.2 s apart"
        assert not await Bucket(client, PARKED_BUCKET).all()
        place.error = None
        for run in RUNS:
            await place.until(run, KEY, 10)
        assert time.monotonic() - began < 4.0
        await acknowledged(client)
        assert not await Bucket(client, PARKED_BUCKET).all()
    assert caplog.messages == [
        "memory: takes nothing: connection refused; trying again from time to time",
        "memory: works again, after 2 s",
    ]


async def test_what_waits_is_bounded_by_what_a_partition_holds(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MOST_WAITING", 20_000)
    place.error = DOWN
    async with running() as owner:
        for first in range(0, 10_000, 100):
            for run in RUNS:
                await send(client, first, first + 100, run=run)
        await tries(place, 10)
        held = sum(delivery.waiting for delivery in owner._deliveries())
        assert 20_000 <= held < 20_000 + 8 * 5_000
        assert not await Bucket(client, PARKED_BUCKET).all()
        place.error = None
        for run in RUNS:
            await place.until(run, KEY, 10_000)
    assert all(place.indexes[run, KEY] == list(range(10_000)) for run in RUNS)


async def test_who_is_stopped_while_it_is_down_ends_at_once(client: Client, place: Tracker, running: Running) -> None:
    place.error = Throttled("429 Too Many Requests", 60.0)
    async with running():
        for run in RUNS:
            await send(client, 0, 10, run=run)
        await tries(place, 1)
        await asyncio.sleep(0.2)
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert not place.committed


async def test_a_place_that_asks_is_left_alone(client: Client, place: Tracker, running: Running) -> None:
    place.error = Throttled("429 Too Many Requests", 1.0)
    async with running():
        await send(client, 0, 10)
        await tries(place, 1)
        for run in RUNS[1:]:
            await send(client, 0, 10, run=run)
        await tries(place, 3)
        gaps = [later - earlier for earlier, later in zip(place.tried, place.tried[1:], strict=False)]
        assert min(gaps) >= 0.99
        place.error = None
        for run in RUNS:
            await place.until(run, KEY, 10)


async def test_a_run_that_fails_alone_is_no_trouble_of_the_place(
    client: Client, place: Tracker, running: Running
) -> None:
    place.broken.add(RUN)
    async with running() as owner:
        await send(client, 0, 10)
        async with asyncio.timeout(20):
            while place.failures < 5:
                await asyncio.sleep(0.01)
        assert not owner._breaker.open
        for run in RUNS[1:]:
            await send(client, 0, 10, run=run)
            await place.until(run, KEY, 10)


async def test_an_attempt_that_hangs_while_it_decides_keeps_nobody_from_the_next(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(circuit, "PROBE_PATIENCE", 0.3)
    place.error = DOWN
    async with running() as owner:
        await send(client, 0, 10)
        await tries(place, circuit.IN_A_ROW)
        place.gates[RUN] = asyncio.Event()  # its next attempt hangs
        place.error = None
        for run in RUNS[1:]:
            await send(client, 0, 10, run=run)
            await place.until(run, KEY, 10)
        assert not owner._breaker.open
        place.gates[RUN].set()
        await place.until(RUN, KEY, 10)


async def test_a_partition_of_a_place_that_cannot_be_opened_waits_for_it_and_stops_at_once(
    client: Client, place: Tracker
) -> None:
    class Closed(MemorySink):
        async def open(self, partition: int) -> None:
            raise DOWN

    owner = RoutePartition(client, "hq", partition_of(RUN), Closed(place), None, int)
    stop = asyncio.Event()
    for _ in range(circuit.IN_A_ROW):
        with pytest.raises(PlaceDown):
            await owner.run(stop)
    owner._breaker._circuit.due += 60.0
    waiting = asyncio.create_task(owner.run(stop))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    stop.set()
    async with asyncio.timeout(1):
        await waiting


async def test_a_run_that_was_parked_before_stays_so_and_comes_back_with_the_place(
    client: Client, place: Tracker, running: Running
) -> None:
    bucket = Bucket(client, PARKED_BUCKET)
    place.broken.add(RUN)
    async with running():
        await send(client, 0, 10)
        async with asyncio.timeout(20):
            first = 0
            while not await bucket.all():
                await send(client, first, first + 10, run=RUNS[1])
                first += 10
                await asyncio.sleep(0.02)
        place.error = DOWN
        await send(client, first, first + 10, run=RUNS[1])
        await tries(place, 10)
        assert len(await bucket.all()) == 1
        place.broken.clear()
        place.error = None
        await place.until(RUN, KEY, 10)
        await place.until(RUNS[1], KEY, first + 10)


async def test_an_error_of_another_kind_closes_it_since_the_place_has_answered(
    client: Client, place: Tracker, running: Running
) -> None:
    place.error = DOWN
    async with running() as owner:
        await send(client, 0, 10)
        await tries(place, circuit.IN_A_ROW)
        place.error = SinkUnavailable("the run was deleted by a person")
        async with asyncio.timeout(20):
            while owner._breaker.open:
                await asyncio.sleep(0.01)
        place.error = None
        await place.until(RUN, KEY, 10)
