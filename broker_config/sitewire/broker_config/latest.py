"""The last message of every subject of a stream: how state that is kept one message a subject is read."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from nats.aio.client import Client
from nats.js.api import ConsumerConfig, DeliverPolicy

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerUnreachable, mapped_errors
from sitewire.broker_config.leader import Behind, last_sequence
from sitewire.broker_config.stored import Latest, of_answer, status_of

__all__ = ["Latest", "read_latest"]

LOOKS: Final = 20  # at a replica that is behind, until that is an error
BEHIND: Final = 0.05  # seconds between two of them

_TIMEOUT: Final = 5.0  # seconds between two messages of an answer
_PAGE: Final = 8 * 1024 * 1024  # bytes of an answer; without a bound it is what the server keeps for a slow client
_END: Final = "204"  # of an answer, which says whether there is more
_NOTHING: Final = "404"  # nothing there; or, behind a first message, one that could not be read
_TOO_MANY: Final = "413"  # over 1,024 subjects at once (ADR-31 of the NATS project)


async def read_latest(client: Client, stream: str, subject: str = ">") -> list[Latest]:
    """Return the last message of every subject of a stream that a filter matches.

    A few requests up to 1,024 subjects; an ordered consumer above. Whatever the leader had when this was called is in
    it: who has the leader's last message has all before it.

    Raises:
        BrokerError: no answer, or no such stream, or the replica that answers is behind and stays so.
    """
    with mapped_errors():
        for _ in range(LOOKS):
            heed_cancellation()
            due = await last_sequence(client, stream, subject)
            found = await _by_request(client, stream, subject)
            if found is None:
                found = await _by_consumer(client, stream, subject)
            if due <= max((item.sequence for item in found), default=0):
                return found
            await asyncio.sleep(BEHIND)
    msg = f"{stream}: the server that answers is behind its leader"
    raise Behind(msg)


async def _by_request(client: Client, stream: str, subject: str) -> list[Latest] | None:
    """Ask for page after page. What is replaced meanwhile comes again on a later one, so nothing is missed."""
    found: dict[str, Latest] = {}
    first = 1
    while True:
        heed_cancellation()
        page, more = await _page(client, stream, {"multi_last": [subject], "seq": first, "max_bytes": _PAGE})
        if page is None:
            return None
        found.update({item.subject: item for item in page})
        if not (more and page):
            return list(found.values())
        first = page[-1].sequence + 1


async def _page(client: Client, stream: str, request: dict[str, object]) -> tuple[list[Latest] | None, bool]:
    """Return what one request brings, None if that is too many subjects, and whether there is more."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    found: list[Latest] = []
    try:
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
        while True:
            heed_cancellation()
            message = await subscription.next_msg(timeout=_TIMEOUT)
            status = status_of(message)
            if status == _TOO_MANY:
                return None, False
            if status == _END or (status == _NOTHING and not found):
                return found, bool(int((message.headers or {}).get("Nats-Num-Pending", 0)))
            if status is not None:
                msg = f"{stream}: the server answers {status}"
                raise BrokerUnreachable(msg)  # 503: no such stream here, or JetStream is not up yet
            found.append(of_answer(message))
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


async def _by_consumer(client: Client, stream: str, subject: str) -> list[Latest]:
    config = ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT)
    context = client.jetstream()
    subscription = await context.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    found: list[Latest] = []
    try:
        while True:
            heed_cancellation()
            message = await subscription.next_msg(timeout=_TIMEOUT)
            await asyncio.sleep(0)
            stored = message.metadata
            headers = dict(message.headers or {})
            found.append(
                Latest(message.subject, stored.sequence.stream, message.data, headers, stored.timestamp.timestamp())
            )
            if stored.num_pending == 0:
                return found
    finally:
        await subscription.unsubscribe()
