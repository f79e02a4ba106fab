"""How many messages a stream holds under a filter, without reading them."""

from __future__ import annotations

import json

from nats.aio.client import Client

from sitewire.broker_config.errors import BrokerUnreachable, mapped_errors
from sitewire.broker_config.jetstream_api import STREAM_MISSING, TIMEOUT_SECONDS, ask_unless


async def count_messages(client: Client, stream: str, subject: str) -> int:
    """Return how many messages a filter of stored subjects matches; 0 if there is no such stream.

    Raises:
        BrokerError: no answer.
    """
    request = json.dumps({"seq": 1, "next_by_subj": subject, "batch": 1}).encode()
    try:
        with mapped_errors():
            answer = await client.request(f"$JS.API.DIRECT.GET.{stream}", request, timeout=TIMEOUT_SECONDS)
    except BrokerUnreachable:  # nobody answers for it
        if await ask_unless(client, f"STREAM.INFO.{stream}", None, STREAM_MISSING) is None:
            return 0
        raise
    headers = answer.headers or {}
    status = headers.get("Status")
    if status == "404":
        return 0
    if status is not None:
        msg = f"{stream}: the server answers {status}"
        raise BrokerUnreachable(msg)
    return int(headers["Nats-Num-Pending"]) + 1
