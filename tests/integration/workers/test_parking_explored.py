"""Random walks over what can happen to a run that is parked: whatever happens, it ends exact and parked nowhere."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.schemas.receipt import StreamKey
from sitewire.workers import detour, gaps, parking, point, route, run_delivery
from sitewire.workers.point import Point
from sitewire.workers.sinks.threads import to_the_end
from support.memory_sink import Place, Running
from support.stream import RUN, SCALARS, acknowledged, neighbours, receipt_of, send, tell

pytestmark = pytest.mark.nats

WALKS = int(os.environ.get("SITEWIRE_TEST_WALKS", "8"))
STEPS = 60
WRITERS = ("aa" * 16, "bb" * 16)
DEADLY = (
    Point.FETCHED, Point.BATCH_PLANNED, Point.BATCH_WRITTEN, Point.BATCH_COMMITTED, Point.BATCH_ACKNOWLEDGED,
    Point.RUN_PARKED, Point.PARKED_MOVED, Point.PARKED_FORGOTTEN,
)  # fmt: skip


class Death(BaseException):
    """The owner dies here; nobody takes it for a failure of the sink."""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name, value in [
        (parking, "PARK_AFTER", 0.02), (parking, "HANGS_AFTER", 0.05), (parking, "STANDS_STILL", 0.05),
        (parking, "LOOK_EVERY", 0.01),
        (run_delivery, "TRY_AGAIN", 0.05), (detour, "MOVE_EVERY", 0.0), (detour, "READ_BYTES", 2000),
        (gaps, "LOOK_AGAIN", 0.02), (run_delivery, "LOOK_AGAIN", 0.02), (route, "MOST_WAITING", 20_000),
        (route, "STOP_TIMEOUT", 0.1),
    ]:  # fmt: skip
        monkeypatch.setattr(module, name, value)


class Walk:
    """A trainer with two writers, its neighbour, a place that fails and hangs, and owners that die."""

    def __init__(self, client: Client, place: Place, seed: int) -> None:
        self.random = random.Random(seed)
        self.sent = dict.fromkeys(WRITERS, 0)
        self.beside = 0
        self.mortal = True
        self.left = STEPS
        self._client = client
        self._place = place
        (self.other,) = neighbours(1)

    def die_perhaps(self, at: Point) -> None:
        if self.mortal and at in DEADLY and self.random.random() < 0.02:
            raise Death(at)

    async def step(self) -> None:
        """Let one thing happen."""
        happens: list[Callable[[], Awaitable[None] | None]] = [
            self._log, self._log, self._log, self._log_out_of_order, self._send_twice, self._go_on_beside,
            self._go_on_beside, self._break, self._mend, self._hang, self._let_go,
        ]  # fmt: skip
        done = self.random.choice(happens)()
        if done is not None:
            await to_the_end(done)  # a trainer does not die with an owner
        heed_cancellation()
        await asyncio.sleep(self.random.choice((0, 0.01, 0.04)))

    async def end(self) -> None:
        """Log the last while the run is broken, so that nothing later shows what would be missing; then mend it."""
        self.mortal = False
        self._break()
        self._let_go()
        for _ in range(5):
            await self._log()
            await self._go_on_beside()
        before = self._place.failures
        while self._place.failures < before + 3:
            await asyncio.sleep(0.01)
        self._mend()

    async def _log(self) -> None:
        writer, count = self.random.choice(WRITERS), self.random.randrange(1, 30)
        first = self.sent[writer]
        self.sent[writer] = first + count
        await send(self._client, first, first + count, writer=writer)

    async def _log_out_of_order(self) -> None:
        writer = self.random.choice(WRITERS)
        first = self.sent[writer]
        self.sent[writer] = first + 20
        await send(self._client, first + 10, first + 20, writer=writer)
        await asyncio.sleep(self.random.choice((0, 0.1)))
        await send(self._client, first, first + 10, writer=writer)

    async def _send_twice(self) -> None:
        writer = self.random.choice(WRITERS)
        if self.sent[writer]:
            first = self.random.randrange(self.sent[writer])
            await send(self._client, first, min(first + 10, self.sent[writer]), writer=writer)

    async def _go_on_beside(self) -> None:
        self.beside += 5
        await send(self._client, self.beside - 5, self.beside, run=self.other)

    def _break(self) -> None:
        self._place.broken.add(RUN)

    def _mend(self) -> None:
        self._place.broken.clear()

    def _hang(self) -> None:
        self._place.gates.setdefault(RUN, asyncio.Event()).clear()

    def _let_go(self) -> None:
        self._place.gates.setdefault(RUN, asyncio.Event()).set()


@pytest.fixture
def walk(client: Client, place: Place, request: pytest.FixtureRequest) -> Iterator[Walk]:
    walk = Walk(client, place, request.param)
    point.install(walk.die_perhaps)
    yield walk
    point._handlers.remove(walk.die_perhaps)


async def _life(walk: Walk, running: Running) -> None:
    async with running():
        while walk.left and walk.random.random() < 0.98:  # or it stops in order, with the run parked or not
            walk.left -= 1
            await walk.step()


@contextmanager
def suppress_death() -> Iterator[None]:
    try:
        yield
    except* Death:
        pass


@pytest.mark.parametrize("walk", range(WALKS), indirect=True)
async def test_whatever_fails_hangs_dies_and_comes_while_a_run_is_parked_it_ends_exact(
    client: Client, place: Place, running: Running, walk: Walk
) -> None:
    for writer in WRITERS:
        await tell(client, {SCALARS: (10**6, 10**6, 0)}, writer=writer)  # what is missing will come
    while walk.left:
        with suppress_death():
            # A task for each: in Python 3.11 a group that fails while it is left leaves its task half cancelled.
            await asyncio.create_task(_life(walk, running))
    async with running():
        await walk.end()
        for writer, count in walk.sent.items():
            if count:
                await place.until(RUN, StreamKey(writer, SCALARS), count)
        while await Bucket(client, PARKED_BUCKET).all():
            await asyncio.sleep(0.01)
        await acknowledged(client)
    for writer, count in walk.sent.items():
        assert place.indexes[RUN, StreamKey(writer, SCALARS)] == list(range(count))
    assert place.indexes[walk.other, StreamKey("ab" * 16, SCALARS)] == list(range(walk.beside))
    positions = (await receipt_of(client)).positions
    assert {key.writer: position.next for key, position in positions.items()} == {
        writer: count for writer, count in walk.sent.items() if count
    }
