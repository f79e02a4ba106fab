"""What a test of a command does at its broker, before and behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.load import load_config
from sitewire.broker_config.topology import apply, plan


def at_broker(file: Path, work: Callable[[Client], Awaitable[object]]) -> None:
    """Connect to the broker of a config file and do something there."""
    endpoint = load_config(file).broker.endpoint

    async def connected() -> None:
        client = await connect(endpoint, name="test")
        try:
            await work(client)
        finally:
            await client.close()

    asyncio.run(connected())


def set_up(file: Path) -> None:
    """Make the streams and consumers of a config file."""
    planned = plan(load_config(file))
    at_broker(file, lambda client: apply(client, planned))
