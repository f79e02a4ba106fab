"""Which workers that live deliver a route to another place than ours, as the bucket of leases says."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any, Final

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import LEASES_BUCKET

_WORKERS: Final = "worker.*"


def digest_of(sink: str) -> str:
    """Return what a worker's lease says of a route's place: 16 characters for the identity of its sink."""
    return sha256(sink.encode()).hexdigest()[:16]


async def in_the_way(client: Client, route: str, sink: str) -> tuple[str, ...]:
    """Return, for people, the workers that deliver a route elsewhere; one that does not say where is among them.

    Args:
        client: connected; the bucket is there.
        route: the route's name.
        sink: the identity of the place that is ours.

    Raises:
        BrokerError: the bucket could not be read.
    """
    entries = await Bucket(client, LEASES_BUCKET).all(_WORKERS)
    leases = [_read(entry.value) for _, entry in sorted(entries.items())]
    return tuple(_title(lease) for lease in leases if _elsewhere(lease, route, digest_of(sink)))


def _elsewhere(lease: dict[str, Any], route: str, digest: str) -> bool:
    routes, places = lease.get("routes"), lease.get("places")
    if not isinstance(routes, list) or route not in routes:
        return False
    return not isinstance(places, dict) or places.get(route) != digest


def _title(lease: dict[str, Any]) -> str:
    return f"process {lease.get('pid', '?')} on {lease.get('host', '?')!s:.253}"


def _read(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return {}  # for the workers too it serves nothing
    return found if isinstance(found, dict) else {}
