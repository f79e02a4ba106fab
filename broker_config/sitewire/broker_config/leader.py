"""What the leader of a stream says of a single message.

Every replica of a stream answers direct gets, and one may be behind: what it does not have looks as if it were not
there (ADR-31 of the NATS project). Whoever decides something because a message is *not* there asks here.
"""

from __future__ import annotations

import asyncio
import base64
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.errors import BrokerBusy, BrokerTimeout
from sitewire.broker_config.jetstream_api import MESSAGE_MISSING, STREAM_MISSING, Json, ask_unless
from sitewire.broker_config.stored import Latest

TIMEOUT_SECONDS: Final = 3.0
"""While a leader is elected nobody answers; a question that was asked before is not answered after it."""


class Behind(BrokerBusy):
    """The replica that answered does not have yet what the leader has."""


async def last_message(client: Client, stream: str, subject: str) -> Latest | None:
    """Return the last message that a filter matches; None if there is none, or no such stream.

    Raises:
        BrokerError: no answer.
    """
    return await _message(client, stream, {"last_by_subj": subject})


async def next_message(client: Client, stream: str, subject: str, start: int) -> Latest | None:
    """Return the first message from a sequence on that a filter matches; None if there is none.

    Raises:
        BrokerError: no answer.
    """
    return await _message(client, stream, {"seq": max(start, 1), "next_by_subj": subject})


async def last_sequence(client: Client, stream: str, subject: str) -> int:
    """Return the sequence of the last message that a filter matches; 0 if there is none.

    Raises:
        BrokerError: no answer.
    """
    found = await last_message(client, stream, subject)
    return 0 if found is None else found.sequence


async def _message(client: Client, stream: str, query: Json) -> Latest | None:
    missing = MESSAGE_MISSING | STREAM_MISSING
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            answer = await ask_unless(client, f"STREAM.MSG.GET.{stream}", query, missing)
    except TimeoutError:
        msg = f"nobody has answered for {stream}"
        raise BrokerTimeout(msg) from None
    if answer is None:
        return None
    message = answer["message"]
    data, headers = (base64.b64decode(message.get(key, "")) for key in ("data", "hdrs"))
    return Latest(message["subject"], message["seq"], data, _parsed(headers))


def _parsed(headers: bytes) -> dict[str, str]:
    """Read headers, whatever bytes their publisher chose."""
    lines = headers.decode(errors="replace").split("\r\n")[1:]
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in lines) if colon}
