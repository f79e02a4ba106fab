"""A connection to the broker of a config file, for one command."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nats.aio.client import Client

    from sitewire.broker_config.model import Config


@asynccontextmanager
async def connected(config: Config, name: str) -> AsyncIterator[Client]:
    """Connect for the length of a block, and close.

    Args:
        config: of the broker.
        name: shown by the server in its lists of connections.

    Raises:
        NothingSetUp: what the block asks for is not there, because nobody has made the streams.
        BrokerError: nobody answers, or what the block raises.
    """
    from sitewire.broker_config.connection import connect
    from sitewire.broker_config.errors import BrokerUnreachable, NotThere
    from sitewire.deploy.errors import NothingSetUp

    client = await connect(config.broker.endpoint, name=name)
    try:
        yield client
    except (NotThere, BrokerUnreachable) as error:
        # Without its stream a direct get has nobody who answers it, and other requests have their code: 404.
        missing = await _missing(client, config)
        if missing:
            raise NothingSetUp(missing) from error
        raise
    finally:
        await client.close()


async def _missing(client: Client, config: Config) -> list[str]:
    """Return the streams that are not there; empty if that cannot be said either."""
    from nats.js.errors import APIError

    from sitewire.broker_config.errors import BrokerError
    from sitewire.broker_config.jetstream_api import ask
    from sitewire.broker_config.streams import plan_streams

    try:
        answer = await ask(client, "STREAM.NAMES")
    except (BrokerError, APIError):
        return []
    there = set(answer.get("streams") or ())
    return [plan.name for plan in plan_streams(config.broker) if plan.name not in there]
