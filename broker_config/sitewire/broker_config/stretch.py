"""Messages of a stream from a sequence on, many in one answer: a batched direct get (ADR-31 of the NATS project).

Against one request a message, six times the messages a second (measured: 8,900 of 9 kB against 1,500).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerBusy, BrokerUnreachable, mapped_errors
from sitewire.broker_config.leader import Behind, last_sequence
from sitewire.broker_config.stored import Latest, of_answer, status_of

MOST: Final = 1000  # messages in an answer
_TIMEOUT: Final = 5.0  # seconds between two messages of an answer
_END, _NOTHING = "204", "404"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Messages in the order of the stream.

    Attributes:
        messages: what was asked for, from its beginning on.
        at_end: the leader of the stream had nothing behind them.
    """

    messages: list[Latest]
    at_end: bool


async def read_stretch(client: Client, stream: str, subject: str, start: int, max_bytes: int) -> Stretch:
    """Return stored messages, complete from ``start`` on.

    Args:
        client: connected.
        stream: of which.
        subject: a filter of stored subjects.
        start: the first sequence.
        max_bytes: of an answer; at least one message comes if there is one.

    Raises:
        Behind: nothing came, from a replica that does not have yet what there is.
        BrokerError: no answer, an incomplete one, or no such stream.
    """
    request = {"seq": max(start, 1), "next_by_subj": subject, "batch": MOST, "max_bytes": max_bytes}
    with mapped_errors():
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        try:
            await client.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)
            stretch = await _read(subscription, stream)
        finally:
            if not client.is_closed:
                await subscription.unsubscribe()
    return await _checked(client, stream, subject, start, stretch) if stretch.at_end else stretch


async def _checked(client: Client, stream: str, subject: str, start: int, stretch: Stretch) -> Stretch:
    """Only who has all that the leader has may say that there is nothing more."""
    seen = stretch.messages[-1].sequence if stretch.messages else start - 1
    if await last_sequence(client, stream, subject) <= seen:
        return stretch
    if not stretch.messages:
        msg = f"{stream}: the server that answers is behind its leader"
        raise Behind(msg)
    return Stretch(stretch.messages, at_end=False)


async def _read(subscription: Subscription, stream: str) -> Stretch:
    found: list[Latest] = []
    while True:
        heed_cancellation()
        message = await subscription.next_msg(timeout=_TIMEOUT)
        headers = message.headers or {}
        status = status_of(message)
        _check_complete(message, found, stream)
        if status is None:
            found.append(of_answer(message))
        elif status == _NOTHING:
            return Stretch([], at_end=True)
        elif status == _END:
            return Stretch(found, at_end=headers.get("Nats-Num-Pending") == "0")
        else:
            msg = f"{stream}: the server answers {status}"
            raise BrokerUnreachable(msg)  # 503: no such stream here, or JetStream is not up yet


def _check_complete(message: Msg, found: list[Latest], stream: str) -> None:
    """Each message names the one before it: one that was lost on the way must not look like none."""
    before = (message.headers or {}).get("Nats-Last-Sequence")
    if found and before is not None and int(before) != found[-1].sequence:
        msg = f"{stream}: a message behind {found[-1].sequence} was lost on the way"
        raise BrokerBusy(msg)
