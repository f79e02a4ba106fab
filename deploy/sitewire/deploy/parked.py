"""Which runs are parked, as the bucket says."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.jetstream_api import STREAM_MISSING, ask_unless
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.workers.parked_run import ParkedKey, ParkedRun, parse_parked_key


async def read_parked(client: Client) -> dict[ParkedKey, ParkedRun]:
    """Ask the broker; one that was set up by an earlier version has no parked runs.

    Raises:
        BrokerError: it could not be read.
    """
    if await ask_unless(client, f"STREAM.INFO.KV_{PARKED_BUCKET}", None, STREAM_MISSING) is None:
        return {}
    entries = await Bucket(client, PARKED_BUCKET).all()
    keys = {parse_parked_key(name): entry for name, entry in entries.items()}
    return {key: ParkedRun.decode(entry.value) for key, entry in keys.items() if key is not None}
