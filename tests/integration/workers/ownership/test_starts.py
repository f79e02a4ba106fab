"""Where routes begin: one that cannot be made stops no other, and a broker with another store has other beginnings."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Route
from sitewire.broker_config.names import PARTITIONS
from sitewire.workers import worker
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import Sink
from support.crew import crew_of, lines_route, loaded, loads
from support.nats import NatsServer
from support.stream import declare, send

pytestmark = pytest.mark.nats


async def test_a_route_that_cannot_be_made_stops_no_other_and_comes_when_it_can(
    nats_server: NatsServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "REFUSED_AGAIN", 0.2)
    start = datetime.now(UTC) + timedelta(seconds=5)
    later = replace(lines_route(tmp_path, "later"), start=start)
    async with crew_of(nats_server, client, tmp_path, lines_route(tmp_path), later) as crew:
        crew.add()
        await crew.until(lambda view: loads(view) == [PARTITIONS])
        assert datetime.now(UTC) < start
        async with loaded(client, tmp_path / "lines"):
            await crew.until(lambda view: loads(view) == [2 * PARTITIONS])


async def test_who_finds_another_store_that_somebody_has_declared_already_begins_where_its_routes_do(
    nats_server: NatsServer, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int | None] = []

    class Noted(RoutePartition):
        def __init__(
            self, client: Client, route: str, partition: int, sink: Sink, start: int | None, *more: Any
        ) -> None:
            starts.append(start)
            super().__init__(client, route, partition, sink, start, *more)

    monkeypatch.setattr(worker, "RoutePartition", Noted)
    route, store = replace(lines_route(tmp_path), start="new"), nats_server.store
    await _fill(nats_server, 0, route)
    nats_server.kill()
    shutil.move(store, tmp_path / "another")
    nats_server.start()
    await _fill(nats_server, 1)
    async with crew_of(nats_server, client, tmp_path, route) as crew:
        crew.add()
        await crew.until(lambda _: starts == [2] * PARTITIONS)
        nats_server.kill()
        shutil.rmtree(store)
        shutil.move(tmp_path / "another", store)
        nats_server.start()
        await crew.until(lambda _: starts[-PARTITIONS:] == [1] * PARTITIONS)


async def _fill(server: NatsServer, messages: int, *routes: Route) -> None:
    client = await connect(server.endpoint, name="test")
    await declare(client, *routes)
    for number in range(messages):
        await send(client, number, number + 1)
    await client.close()
