"""A key-value bucket: keys that are read all at once, and written by compare-and-set.

Not nats-py's: that one asks any replica whether a key was deleted, and one that is behind knows of no such key. A
bucket is a stream ``KV_<name>`` with one message a subject (ADR-8 of the NATS project).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.errors import Conflict, mapped_errors
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.leader import last_message

MARKER_SECONDS: Final = 3600
"""How long the marker of a deleted key stays: nobody watches, it only keeps the key's revisions rising."""

_OPERATION: Final = "KV-Operation"
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """A key's value, and the revision to name when it is replaced."""

    value: bytes
    revision: int


class Bucket:
    """One bucket. Every method may raise ``BrokerError``; those that write, ``Conflict``: somebody was faster."""

    def __init__(self, client: Client, name: str) -> None:
        self.subject = f"$KV.{name}.>"
        self._client = client
        self._stream = f"KV_{name}"
        self._prefix = f"$KV.{name}."

    async def all(self, keys: str = ">") -> dict[str, Entry]:
        """Return what is there by key; ``keys`` is a pattern of the tokens between dots."""
        found = await read_latest(self._client, self._stream, self._prefix + keys)
        return {
            item.subject.removeprefix(self._prefix): Entry(item.data, item.sequence)
            for item in found
            if _OPERATION not in item.headers
        }

    async def create(self, key: str, value: bytes) -> int:
        """Store a key that is not there; return its revision."""
        try:
            return await self._store(key, value, 0)
        except Conflict:
            there = await last_message(self._client, self._stream, self._prefix + key)
            if there is None or _OPERATION not in there.headers:
                raise
            return await self._store(key, value, there.sequence)  # it was deleted

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace a value if its revision is still that; return the new one."""
        return await self._store(key, value, revision)

    async def delete(self, key: str, revision: int) -> None:
        """Delete a key if its revision is still that."""
        headers = {_OPERATION: "PURGE", "Nats-Rollup": "sub", "Nats-TTL": f"{MARKER_SECONDS}s"}
        await self._store(key, b"", revision, headers)

    async def _store(self, key: str, value: bytes, revision: int, headers: Mapping[str, str] = _NONE) -> int:
        expecting = {**headers, "Nats-Expected-Last-Subject-Sequence": str(revision)}
        with mapped_errors():
            stored = await self._client.jetstream().publish(self._prefix + key, value, headers=expecting)
        return stored.seq
