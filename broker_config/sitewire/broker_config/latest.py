"""The last message of every subject of a stream: how state that is kept one message a subject is read."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from sitewire.broker_config.errors import BrokerUnreachable, mapped_errors

_TIMEOUT: Final = 5.0  # seconds between two messages of an answer
_PAGE: Final = 8 * 1024 * 1024  # bytes of an answer; without a bound it is what the server keeps for a slow client
_END: Final = "204"  # of an answer, which says whether there is more
_NOTHING: Final = "404"  # nothing there; or, behind a first message, one that could not be read
_TOO_MANY: Final = "413"  # over 1,024 subjects at once (ADR-31 of the NATS project)


@dataclass(frozen=True, slots=True)
class Latest:
    """The last message of a subject.

    Attributes:
        subject: as stored.
        sequence: in its stream.
        data: the payload.
        headers: of the message, without the server's own.
        time: when it was stored, seconds since the epoch; 0.0 where the answer does not say.
    """

    subject: str
    sequence: int
    data: bytes
    headers: dict[str, str]
    time: float = 0.0


async def read_latest(client: Client, stream: str, subject: str = ">") -> list[Latest]:
    """Return the last message of every subject of a stream that a filter matches.

    A few requests up to 1,024 subjects; an ordered consumer above.

    Raises:
        BrokerError: no answer, or no such stream.
    """
    with mapped_errors():
        found = await _by_request(client, stream, subject)
        return found if found is not None else await _by_consumer(client, stream, subject)


async def _by_request(client: Client, stream: str, subject: str) -> list[Latest] | None:
    """Ask for page after page. What is replaced meanwhile comes again on a later one, so nothing is missed."""
    found: dict[str, Latest] = {}
    first = 1
    while True:
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


def status_of(message: Msg) -> str | None:
    """Return the status that an answer to a direct get is; None if it is a stored message.

    What is stored comes with the headers that its publisher chose, a status among them if he likes. The server names
    the sequence of such a message, and of no status.
    """
    headers = message.headers or {}
    return None if "Nats-Sequence" in headers else headers.get("Status", "")


def of_answer(message: Msg) -> Latest:
    """Read a message of a direct get's answer; the server's headers say where it is from."""
    headers = dict(message.headers or {})
    subject, sequence = headers["Nats-Subject"], int(headers["Nats-Sequence"])
    own = {name: value for name, value in headers.items() if name not in _SERVERS}
    return Latest(subject, sequence, message.data, own, _seconds(headers.get("Nats-Time-Stamp", "")))


_SERVERS: Final = frozenset(
    {"Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Time-Stamp", "Nats-Num-Pending", "Nats-Last-Sequence"}
)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


async def _by_consumer(client: Client, stream: str, subject: str) -> list[Latest]:
    config = ConsumerConfig(deliver_policy=DeliverPolicy.LAST_PER_SUBJECT)
    context = client.jetstream()
    subscription = await context.subscribe(subject, stream=stream, ordered_consumer=True, config=config)
    found: list[Latest] = []
    try:
        while True:
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
