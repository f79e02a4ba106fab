"""How old messages are: by the server's clock, which has stamped them. A worker's may be wrong by days."""

from __future__ import annotations

from datetime import datetime

from nats.aio.client import Client

from sitewire.broker_config.jetstream_api import ask_unless
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.workers.trimmer.reading import first_since


async def first_younger_than(client: Client, seconds: float) -> int | None:
    """Return the sequence of the first message of the metrics stream that is not older than so many seconds.

    Raises:
        BrokerError: no answer.
    """
    info = await ask_unless(client, f"STREAM.INFO.{METRICS_STREAM}", None, frozenset()) or {}
    return await first_since(client, datetime.fromisoformat(info["ts"]).timestamp() - seconds)
