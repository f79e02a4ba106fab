"""Messages of a durable consumer, by pull requests of our own.

nats-py's ``fetch`` waits for a whole batch once its first probe found nothing, takes one caller at a time
and cannot bound bytes. Here one request is open at a time; what it brings waits in a queue that the
request itself bounds; a heartbeat that does not come opens the next one (ADR-37 of the NATS project).
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config.errors import BrokerUnreachable, mapped_errors
from sitewire.broker_config.patient_client import is_settled, waking
from sitewire.workers.ownership.unit import ALONE

BATCH: Final = 256  # messages a request
MAX_BYTES: Final = 2 * 1024 * 1024  # a request; with the envelope's limit it bounds what waits here
EXPIRES: Final = 5.0  # seconds until the server ends a request, if the lease goes on for that long
SHORTEST: Final = 0.2  # seconds; with less left of the lease no request is worth it
LEASE_LOOK: Final = 0.1  # seconds between two looks for more of a lease
HEARTBEAT: Final = 1.0  # seconds; two missing ones and the request is taken for lost
_NANOSECONDS: Final = 1_000_000_000


class Pull:
    """The messages of one durable consumer, in the order of the stream.

    No request outlives the lease: the server would give to it what the next owner has asked for.

    Args:
        client: connected.
        stream: the stream's name.
        consumer: the durable consumer's.
        lease_left: asked for the seconds for which the consumer is ours.
    """

    def __init__(
        self, client: Client, stream: str, consumer: str, lease_left: Callable[[], float] = ALONE.left
    ) -> None:
        self._client = client
        self._lease_left = lease_left
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._queue: deque[Msg] = deque()
        self._came = asyncio.Event()
        self._open = 0
        self._connection = -1
        self._trouble: str | None = None

    @asynccontextmanager
    async def subscribed(self) -> AsyncIterator[Pull]:
        """Subscribe for as long as the block runs.

        Raises:
            BrokerError: the connection is closed.
        """
        with mapped_errors():
            subscription = await self._client.subscribe(self._inbox, cb=self._on_message)
        try:
            with waking(self._client, self._came):
                yield self
        finally:
            if not self._client.is_closed:
                with mapped_errors():
                    await subscription.unsubscribe()

    async def fetch(self, limit: int) -> list[Msg]:
        """Return what has come, waiting at most two heartbeats for the first message, or until the connection is back.

        Args:
            limit: messages at most.

        Returns:
            In stream order; empty when there was nothing.

        Raises:
            BrokerError: nobody answers for the consumer (temporary), or the connection is closed.
        """
        if not self._queue:
            await self._wait()
        taken = [self._queue.popleft() for _ in range(min(limit, len(self._queue)))]
        if not taken and self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise BrokerUnreachable(trouble)
        return taken

    async def _wait(self) -> None:
        self._came.clear()
        patience = 2 * HEARTBEAT
        if self._connection != self._client.stats["reconnects"]:
            self._open = 0  # the request has gone with its connection
        # While nobody is there, nats-py keeps what is published: the requests of an hour would all come at once. And
        # before whoever fetches knows of another connection, what comes on it is behind what the last one has lost.
        if self._open <= 0 and (is_settled(self._client) or self._client.is_closed):
            if (left := self._lease_left()) >= SHORTEST:
                await self._request(min(EXPIRES, left))
            else:
                patience = LEASE_LOOK
        try:
            async with asyncio.timeout(patience):
                await self._came.wait()
        except TimeoutError:
            self._open = 0  # neither a message nor a heartbeat: the request is lost

    async def _request(self, expires: float) -> None:
        self._open = BATCH
        self._connection = self._client.stats["reconnects"]
        request = {
            "batch": BATCH,
            "max_bytes": MAX_BYTES,
            "expires": int(expires * _NANOSECONDS),
            "idle_heartbeat": int(min(HEARTBEAT, expires / 2) * _NANOSECONDS),
        }
        with mapped_errors():
            await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is None:
            self._queue.append(message)
            self._open -= 1
        elif status == "503":
            self._open = 0
            self._trouble = "the consumer is not there, or JetStream is not ready; `sitewire broker apply` makes it"
        elif status != "100":  # 404, 408, 409: the request is over
            self._open = 0
        self._came.set()
