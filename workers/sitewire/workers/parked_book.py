"""The parked runs of one partition of a route, as the bucket has them."""

from __future__ import annotations

from dataclasses import replace

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket, Entry
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import Conflict
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.schemas.subject import RunKey
from sitewire.workers.parked_run import ParkedRun, parked_key, parked_keys, parse_parked_key


class ParkedBook:
    """Reads and writes the entries of a unit by compare-and-set. Every method may raise ``BrokerError``.

    Args:
        client: connected.
        route: the route's name.
        partition: which.
    """

    def __init__(self, client: Client, route: str, partition: int) -> None:
        self._bucket = Bucket(client, PARKED_BUCKET)
        self._route = route
        self._partition = partition
        self._revisions: dict[RunKey, int] = {}

    async def runs(self) -> list[RunKey]:
        """Return who is parked."""
        keys = map(parse_parked_key, await self._bucket.all(parked_keys(self._route, self._partition)))
        return [key.run_key for key in keys if key is not None]

    async def look(self, run: RunKey) -> ParkedRun | None:
        """Return a run's entry."""
        entry = await self._entry(run)
        return ParkedRun.decode(entry.value) if entry is not None else None

    async def store(self, run: RunKey, parked: ParkedRun) -> ParkedRun:
        """Store an entry; return what is there then.

        If somebody else has written meanwhile, an owner of before say, the lower sequence of both stays.
        """
        while True:
            heed_cancellation()
            try:
                self._revisions[run] = await self._write(run, parked)
            except Conflict:
                there = await self.look(run)  # or our own, of which the answer was lost
                if there is not None:
                    parked = replace(parked, sequence=min(parked.sequence, there.sequence))
            else:
                return parked

    async def remove(self, run: RunKey) -> ParkedRun | None:
        """Delete an entry; return what is there in its place if somebody else has written meanwhile."""
        try:
            await self._bucket.delete(self._key(run), self._revisions.get(run, 0))
        except Conflict:
            return await self.look(run)
        self._revisions.pop(run, None)
        return None

    async def _write(self, run: RunKey, parked: ParkedRun) -> int:
        revision = self._revisions.get(run)
        if revision is None:
            return await self._bucket.create(self._key(run), parked.encode())
        return await self._bucket.update(self._key(run), parked.encode(), revision)

    async def _entry(self, run: RunKey) -> Entry | None:
        entry = (await self._bucket.all(self._key(run))).get(self._key(run))
        if entry is None:
            self._revisions.pop(run, None)
        else:
            self._revisions[run] = entry.revision
        return entry

    def _key(self, run: RunKey) -> str:
        return parked_key(self._route, self._partition, run)
