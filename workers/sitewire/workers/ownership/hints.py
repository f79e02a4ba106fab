"""Word that something has moved in the bucket, so that a handover takes milliseconds. A hint: looks go on without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import mapped_errors
from sitewire.workers.ownership.lease import WORKER_KEYS

STORED = 0.02  # seconds from a write's passing by until the bucket has it, on most disks
STORED_LATE = 0.2  # seconds: on others


class Hints:
    """Wakes who waits when a key is made, changed or deleted; renewals, which change nothing, wake nobody."""

    def __init__(self, client: Client, bucket: Bucket) -> None:
        self._client = client
        self._bucket = bucket
        self._workers: dict[str, bytes] = {}
        self._moved = asyncio.Event()
        self._again = False

    def wake(self) -> None:
        """Have who waits look at once."""
        self._moved.set()

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[None]:
        """Listen for as long as the block runs.

        Raises:
            BrokerError: the connection is closed.
        """
        with mapped_errors():
            subscription = await self._client.subscribe(self._bucket.subject, cb=self._on_message)
        try:
            yield
        finally:
            if not self._client.is_closed:
                with mapped_errors():
                    await subscription.unsubscribe()

    async def wait(self, most: float) -> None:
        """Wait for a hint, at most so many seconds; soon after one again: a write is seen before it is stored."""
        seconds, self._again = min(most, STORED_LATE) if self._again else most, False
        try:
            async with asyncio.timeout(seconds):
                await self._moved.wait()
        except TimeoutError:
            return
        await asyncio.sleep(STORED)
        self._moved.clear()
        self._again = True

    async def _on_message(self, message: Msg) -> None:
        key = message.subject.partition(self._bucket.subject.removesuffix(">"))[2]
        if key.startswith(WORKER_KEYS):
            if not message.data:
                self._workers.pop(key, None)  # deleted
            elif self._workers.get(key) == message.data:
                return  # renewed
            else:
                self._workers[key] = message.data
        self._moved.set()
