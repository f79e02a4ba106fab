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
_END: Final = frozenset({"204", "404"})  # the end of a batch; nothing there
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

    One request while they are few; an ordered consumer above 1,024.

    Raises:
        BrokerError: no answer, or no such stream.
    """
    with mapped_errors():
        found = await _by_request(client, stream, subject)
        return found if found is not None else await _by_consumer(client, stream, subject)


async def _by_request(client: Client, stream: str, subject: str) -> list[Latest] | None:
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    found: list[Latest] = []
    try:
        request = json.dumps({"multi_last": [subject]}).encode()
        await client.publish(f"$JS.API.DIRECT.GET.{stream}", request, reply=inbox)
        while True:
            message = await subscription.next_msg(timeout=_TIMEOUT)
            status = (message.headers or {}).get("Status")
            if status == _TOO_MANY:
                return None
            if status in _END:
                return found
            if status is not None:
                msg = f"{stream}: the server answers {status}"
                raise BrokerUnreachable(msg)  # 503: no such stream here, or JetStream is not up yet
            found.append(of_answer(message))
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


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
