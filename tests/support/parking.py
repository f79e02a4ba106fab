"""Runs that are parked: waiting for that, for their return, and for deaths on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers import detour, parking, point, run_delivery
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.point import Point
from support.memory_sink import Place
from support.stream import RUN, SCALARS, WRITER, neighbours, partition_of, send

KEY = StreamKey(WRITER, SCALARS)


def make_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Park after a moment, and try again soon."""
    monkeypatch.setattr(parking, "PARK_AFTER", 0.05)
    monkeypatch.setattr(parking, "HANGS_AFTER", 0.1)
    monkeypatch.setattr(parking, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(run_delivery, "TRY_AGAIN", 0.1)
    monkeypatch.setattr(detour, "MOVE_EVERY", 0.0)


def key_of(run: RunKey = RUN) -> str:
    return parked_key("hq", partition_of(run), run)


async def parked(bucket: Bucket, run: RunKey = RUN) -> ParkedRun:
    """Wait until a run is parked; return its entry."""
    async with asyncio.timeout(20):
        while (entry := (await bucket.all()).get(key_of(run))) is None:
            await asyncio.sleep(0.01)
    return ParkedRun.decode(entry.value)


async def back(bucket: Bucket) -> None:
    """Wait until no run is parked."""
    async with asyncio.timeout(20):
        while await bucket.all():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def moving(client: Client, place: Place) -> AsyncIterator[None]:
    """A neighbour that goes on as long as the block runs; at its end all that it sent is there."""
    (other,) = neighbours(1)
    stop = asyncio.Event()
    sent = 0

    async def go_on() -> None:
        nonlocal sent
        while not stop.is_set():
            await send(client, sent, sent + 10, run=other)
            sent += 10
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        going = group.create_task(go_on())
        yield
        stop.set()
        await going
        await place.until(other, KEY, sent)
    assert place.indexes[other, KEY] == list(range(sent))


@contextmanager
def dying_at(where: Point) -> Iterator[list[Point]]:
    """Have whoever reaches a point die there, as its owner does then; the list says when it did."""
    reached: list[Point] = []

    def die(at: Point) -> None:
        if at is where and not reached:
            reached.append(at)
            message = "the end"
            raise RuntimeError(message)

    point.install(die)
    try:
        yield reached
    finally:
        point._handlers.remove(die)
