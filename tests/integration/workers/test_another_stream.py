"""After a reconnection the stream may be another one: sequences that were known say nothing about it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM
from sitewire.schemas.receipt import StreamKey
from sitewire.workers import gaps, route, run_delivery
from support.memory_sink import Place, Running
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_what_is_missing_is_looked_for_from_the_beginning_of_a_stream_that_went_back(
    client: Client, nats_server: NatsServer, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The partition is full of what lies behind the gap, so that only a look into the stream finds what fills it.
    for module in (gaps, run_delivery):
        monkeypatch.setattr(module, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(route, "MOST_WAITING", 1000)
    monkeypatch.setattr(route, "FETCH_LIMIT", 1)
    copy = nats_server.directory / "copy"
    # The metrics alone: receipts that went back end the whole partition anyway.
    (stream,) = nats_server.store.glob(f"jetstream/*/streams/{METRICS_STREAM}")
    await _replaced(client, nats_server, stream, copy)
    generation = 0
    async with running(generation=lambda: generation), asyncio.timeout(20):
        for index in range(20):
            await send(client, index, index + 1)
        await place.until(RUN, KEY, 20)
        await send(client, 100, 101)
        await asyncio.sleep(0.5)  # it is looked for, up to the stream's end
        await _replaced(client, nats_server, copy, stream)
        generation = 1  # as the worker counts a reconnect
        await tell(client, {SCALARS: (500, 500, 0)})
        for first in range(100, 500, 100):
            await send(client, first, first + 100)
        await send(client, 0, 100)
        await place.until(RUN, KEY, 500)
    assert place.indexes[RUN, KEY] == list(range(500))


async def _replaced(client: Client, server: NatsServer, source: Path, target: Path) -> None:
    """Stop the broker, put a copy of one folder in the place of another, and start it."""

    def replace() -> None:
        server.stop()
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        server.start()

    await asyncio.to_thread(replace)
    while not client.is_connected:
        await asyncio.sleep(0.02)
