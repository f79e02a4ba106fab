"""A key-value bucket: nats-py's for single keys, and what it lacks: all keys at once, and a delete that expires.

A bucket is a stream ``KV_<name>`` with one message a subject (ADR-8 of the NATS project).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nats.aio.client import Client
from nats.js.kv import KeyValue

from sitewire.broker_config.errors import mapped_errors
from sitewire.broker_config.latest import read_latest

MARKER_SECONDS: Final = 3600
"""How long the marker of a deleted key stays: nobody watches, it only keeps the key's revisions rising."""

_OPERATION: Final = "KV-Operation"


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
        context = client.jetstream()
        self._keys = KeyValue(name=name, stream=self._stream, pre=self._prefix, js=context, direct=True)

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
        with mapped_errors():
            return await self._keys.create(key, value)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace a value if its revision is still that; return the new one."""
        with mapped_errors():
            return await self._keys.update(key, value, revision)

    async def delete(self, key: str, revision: int) -> None:
        """Delete a key if its revision is still that."""
        headers = {
            _OPERATION: "PURGE",
            "Nats-Rollup": "sub",
            "Nats-TTL": f"{MARKER_SECONDS}s",
            "Nats-Expected-Last-Subject-Sequence": str(revision),
        }
        with mapped_errors():
            await self._client.jetstream().publish(self._prefix + key, headers=headers)
