"""Which subjects a stream holds messages of."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.jetstream_api import ask_unless


async def stored_subjects(client: Client, stream: str, subject: str = ">") -> set[str] | None:
    """Return the subjects that a stream holds messages of, in pages of 100,000; None if nothing was ever purged.

    Raises:
        BrokerError: no answer, or no such stream.
    """
    found: set[str] = set()
    seen = 0
    while True:
        heed_cancellation()
        body = {"subjects_filter": subject, "offset": seen}
        info = await ask_unless(client, f"STREAM.INFO.{stream}", body, frozenset()) or {}
        if info["state"]["first_seq"] <= 1:
            return None
        page = info["state"].get("subjects") or {}
        found.update(page)
        seen += len(page)
        if not page or seen >= info.get("total", 0):
            return found
