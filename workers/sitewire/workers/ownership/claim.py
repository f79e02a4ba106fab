"""A unit's key that names us: taken, written with what is wrong, and deleted, all by compare-and-set."""

from __future__ import annotations

import asyncio
import time

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import Conflict
from sitewire.workers.ownership.lease import UNIT_KEYS, UnitLease, decode_unit, encode


class Claim:
    """A worker's hold on a unit, as the bucket has it."""

    def __init__(self, bucket: Bucket, unit: str, worker: str) -> None:
        self._bucket = bucket
        self._key = UNIT_KEYS + unit
        self._value = UnitLease(worker, time.time())
        self._revision = 0
        self._writing = asyncio.Lock()

    async def take(self, revision: int | None) -> bool:
        """Make the key ours; whether that worked, or somebody was faster.

        Args:
            revision: of the key as it was seen; None if it was not there.

        Raises:
            BrokerError: it is not known; the next look shows it.
        """
        try:
            if revision is None:
                self._revision = await self._bucket.create(self._key, encode(self._value))
            else:
                self._revision = await self._bucket.update(self._key, encode(self._value), revision)
        except Conflict:
            return False
        return True

    async def say(self, trouble: str) -> None:
        """Write what is wrong with the unit, if that is not there yet; empty for nothing.

        Raises:
            BrokerError: it is not known whether it is written. ``Conflict`` if the key is ours no more, or an answer
                was lost: the next look tells, and ``seen`` mends the second.
        """
        if trouble == self._value.trouble:
            return
        async with self._writing:
            value = UnitLease(self._value.worker, self._value.since, trouble)
            self._revision = await self._bucket.update(self._key, encode(value), self._revision)
            self._value = value

    def seen(self, revision: int, value: UnitLease) -> None:
        """Take notice of the key as a look has shown it, with our name in it."""
        if revision > self._revision:
            self._revision, self._value = revision, value

    async def release(self) -> None:
        """Delete the key, if it is ours.

        Raises:
            BrokerError: it is not known whether it is deleted.
        """
        async with self._writing:
            try:
                await self._bucket.delete(self._key, self._revision)
            except Conflict:
                found = (await self._bucket.all(self._key)).get(self._key)
                if found is not None and decode_unit(found.value).worker == self._value.worker:
                    await self._bucket.delete(self._key, found.revision)
