"""Workers that share a real server, with leases that lapse soon."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config import connection
from sitewire.broker_config.connection import connect
from sitewire.workers.ownership import lease
from support.crew import Crew, crew_of, lines_route
from support.nats import NatsServer


@pytest.fixture(autouse=True)
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "LEASE", 1.5)
    monkeypatch.setattr(lease, "RENEW", 0.3)
    monkeypatch.setattr(lease, "LOOK", 0.2)
    monkeypatch.setattr(connection, "RECONNECT_MOST_SECONDS", 0.5)  # or who comes back late would be evicted


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    yield client
    await client.close()


@pytest.fixture
async def crew(nats_server: NatsServer, client: Client, tmp_path: Path) -> AsyncIterator[Crew]:
    async with crew_of(nats_server, client, tmp_path, lines_route(tmp_path)) as crew:
        yield crew
