"""Claims in the broker's bucket, shared by all workers of a place."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket, Entry
from sitewire.broker_config.errors import BrokerBusy, Conflict
from sitewire.broker_config.names import CLAIMS_BUCKET
from sitewire.broker_config.places import digest_of
from sitewire.workers.sinks.claims import Claims


class BucketClaims(Claims):
    """The claims of one place.

    Args:
        client: connected; the bucket is there.
        sink: the identity of the place.
    """

    def __init__(self, client: Client, sink: str) -> None:
        self._bucket = Bucket(client, CLAIMS_BUCKET)
        self._prefix = f"{digest_of(sink)}."

    async def read(self, name: str) -> str | None:
        """Return what is claimed under a name."""
        entry = await self._entry(name)
        return None if entry is None else _text(entry)

    async def claim(self, name: str, value: str, instead_of: str | None = None) -> str:
        """Claim a name, by compare-and-set on what is there."""
        entry = await self._entry(name)
        if entry is not None and _text(entry) != instead_of:
            return _text(entry)
        try:
            if entry is None:
                await self._bucket.create(self._prefix + name, value.encode())
            else:
                await self._bucket.update(self._prefix + name, value.encode(), entry.revision)
        except Conflict:
            # Somebody was faster, or it was our own try before this one, of which the answer was lost.
            claimed = await self.read(name)
            if claimed is None:
                msg = f"a claim of {name} was refused, and there is none"
                raise BrokerBusy(msg) from None
            return claimed
        return value

    async def _entry(self, name: str) -> Entry | None:
        return (await self._bucket.all(self._prefix + name)).get(self._prefix + name)


def _text(entry: Entry) -> str:
    """Return a claim; one that is no text names what no tracker has, and another takes its place."""
    return entry.value.decode(errors="replace")
