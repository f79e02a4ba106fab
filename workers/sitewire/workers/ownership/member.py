"""This worker's own key: made when it joins, renewed while it lives, deleted when it leaves."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace

from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError, Conflict, ConnectionLost
from sitewire.workers.outage import Outage
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.clock import now
from sitewire.workers.ownership.errors import Evicted
from sitewire.workers.ownership.lease import WORKER_KEYS, WorkerLease, encode

AWAY = 0.1  # seconds between two looks for a connection
LEAVE_TIMEOUT = 1.0  # seconds for a last word; a key that stays is evicted by others

_logger = logging.getLogger("sitewire.worker")


class Membership:
    """One life of a worker as a member. Its id never comes back once the key is gone.

    Only this object writes the key, others delete it; so whatever is found there is our own word, whether its answer
    has come or not.

    Args:
        client: connected.
        bucket: of the leases.
        value: what the key says.
        outages: asked for what it says of places that take nothing, whenever it is written.

    Attributes:
        id: random, new for each membership.
        joined: set once the key is stored.
    """

    def __init__(
        self,
        client: Client,
        bucket: Bucket,
        value: WorkerLease,
        outages: Callable[[], Mapping[str, Outage]] = dict,
    ) -> None:
        self.id = secrets.token_hex(8)
        self.joined = asyncio.Event()
        self._client = client
        self._bucket = bucket
        self._key = WORKER_KEYS + self.id
        self._value = value
        self._outages = outages
        self._revision = 0
        self._lapses = 0.0
        self._writing = asyncio.Lock()

    def left(self) -> float:
        """Return for how many seconds nobody can have taken us for dead; negative once somebody may have."""
        return self._lapses - now()

    async def keep(self) -> None:
        """Join, and renew for ever.

        Raises:
            Evicted: others have taken us for dead.
            BrokerError: the client is closed.
        """
        while True:
            heed_cancellation()
            await self._until_written()
            self.joined.set()
            await asyncio.sleep(lease.RENEW)

    async def renew(self) -> None:
        """Write the key once.

        Raises:
            Evicted: others have taken us for dead.
            BrokerError: it is not known whether it is written; until it is, the lease is not longer than before.
        """
        async with self._writing:
            sent = now()
            try:
                async with asyncio.timeout(lease.RENEW):
                    self._revision = await self._write()
            except Conflict:
                await self._read_again()
            except TimeoutError as error:
                msg = "a renewal was not answered"
                raise ConnectionLost(msg) from error
            else:
                self._lapses = sent + lease.LEASE

    async def say_leaving(self) -> None:
        """Have others give us nothing more, as far as they can be told within ``LEAVE_TIMEOUT``.

        Raises:
            Evicted: others have taken us for dead.
        """
        self._value = replace(self._value, leaving=True)
        if not self._client.is_connected:
            return
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self.renew()
        except (BrokerError, TimeoutError) as error:
            _logger.info("nobody could be told that this worker leaves: %s", _words(error))

    async def leave(self) -> None:
        """Delete the key, as far as that is possible within ``LEAVE_TIMEOUT``; all that was owned is free then."""
        if not self._client.is_connected:
            return
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT), self._writing:
                found = await self._bucket.all(self._key)
                if self._key in found:
                    await self._bucket.delete(self._key, found[self._key].revision)
        except (BrokerError, TimeoutError) as error:
            _logger.info("the worker's lease stays until others see it stand still: %s", _words(error))

    async def _until_written(self) -> None:
        backoff = Backoff(first=AWAY, most=lease.RENEW / 4)
        before = self._lapses
        while self._lapses == before:  # what was found to be stored already says nothing about when
            heed_cancellation()
            try:
                await self._connected()
                await self.renew()
            except BrokerError:
                if self._client.is_closed:
                    raise
                await backoff.pause()

    async def _connected(self) -> None:
        # nats-py keeps what is published while nobody is there: the renewals of an hour would all come at once.
        while not self._client.is_connected:
            heed_cancellation()
            if self._client.is_closed:
                msg = "the connection is closed"
                raise ConnectionLost(msg)
            await asyncio.sleep(AWAY)

    async def _write(self) -> int:
        value = encode(replace(self._value, outages=self._outages()))
        if self._revision:
            return await self._bucket.update(self._key, value, self._revision)
        return await self._bucket.create(self._key, value)

    async def _read_again(self) -> None:
        """Find out who was faster: our own write of which the answer was lost, or who deleted the key."""
        found = (await self._bucket.all(self._key)).get(self._key)
        if found is None or found.revision < self._revision:  # an older one: the store was restored from a copy
            msg = "others have taken this worker for dead"
            raise Evicted(msg)
        self._revision = found.revision


def _words(error: Exception) -> str:
    return str(error) or "the broker did not answer in time"  # the text of a TimeoutError is empty
