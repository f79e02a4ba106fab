"""A spool with writers in it, and a server that stores what they publish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from support.nats import NatsServer
from support.spool import Spool
from support.stream import declare


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client)
    yield client
    await asyncio.wait_for(client.close(), 10)
