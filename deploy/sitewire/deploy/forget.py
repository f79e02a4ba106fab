"""Forgets a route that is no longer in the file: its position, its parked runs, what was sent again to it.

What it has delivered stays where it is, and so do its receipts and its dead letters.
"""

from __future__ import annotations

import asyncio

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket, Entry
from sitewire.broker_config.change import Change, ChangeKind
from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.errors import NotThere
from sitewire.broker_config.jetstream_api import CONSUMER_MISSING, ask_unless
from sitewire.broker_config.model import Config
from sitewire.broker_config.names import (
    LEASES_BUCKET,
    METRICS_STREAM,
    PARKED_BUCKET,
    RETRIES_STREAM,
    parse_consumer_name,
)
from sitewire.deploy.errors import RouteInUse
from sitewire.schemas.subject import RETRY
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.view import read_view

LOOK_INTERVAL = 0.25  # seconds between two looks whether a worker of the route lives


async def forget(client: Client, config: Config, route: str, *, dry_run: bool) -> list[Change]:
    """Delete what the broker keeps for a route, or only say what that is; can be killed anywhere and run again.

    Its consumers on the metrics stream go last: while one of them is there, the route holds the
    stream and ``status`` names it.

    Raises:
        RouteInUse: the route is in the file, or a worker serves it.
        NotThere: the broker knows nothing of it.
        BrokerError: the broker could not be asked.
    """
    if any(known.name == route for known in config.routes):
        msg = f"route `{route}` is in {config.file}; take it out there, stop its workers, then forget it"
        raise RouteInUse(msg)
    await _refuse_if_served(client, route)
    parked = await _parked(client, route)
    streams = (RETRIES_STREAM, METRICS_STREAM)
    consumers = [(stream, name) for stream in streams for name in await _of(client, stream, route)]
    if not parked and not consumers:
        msg = f"the broker knows no route `{route}`"
        raise NotThere(msg)
    if not dry_run:
        await _delete(client, route, parked, consumers)
    return [
        *(Change(ChangeKind.DELETED, f"parked run {key}") for key in parked),
        *(Change(ChangeKind.DELETED, f"consumer {name} of {stream}") for stream, name in consumers),
    ]


async def _delete(client: Client, route: str, parked: dict[str, Entry], consumers: list[tuple[str, str]]) -> None:
    bucket = Bucket(client, PARKED_BUCKET)
    for key, entry in parked.items():
        await bucket.delete(key, entry.revision)
    # Or a later route of this name, perhaps with another place, would be sent them.
    if any(stream == RETRIES_STREAM for stream, _ in consumers):
        await ask_unless(client, f"STREAM.PURGE.{RETRIES_STREAM}", {"filter": f"{RETRY}.*.{route}.>"}, frozenset())
    for stream, name in consumers:
        await ask_unless(client, f"CONSUMER.DELETE.{stream}.{name}", None, CONSUMER_MISSING)


async def _parked(client: Client, route: str) -> dict[str, Entry]:
    # Any key that ``status`` shows under this name, also one that nobody can read: it holds the stream all the same.
    entries = await Bucket(client, PARKED_BUCKET).all()
    return {key: entry for key, entry in sorted(entries.items()) if route in (key, key.partition(".")[0])}


async def _of(client: Client, stream: str, route: str) -> list[str]:
    names = await existing_consumers(client, stream) or {}
    return sorted(name for name in names if route == (parse_consumer_name(name) or (name,))[0])


async def _refuse_if_served(client: Client, route: str) -> None:
    """Wait until every worker that says that it serves the route has been seen to stand still, or is gone.

    Raises:
        RouteInUse: one of them lives.
    """
    bucket = Bucket(client, LEASES_BUCKET)
    before = read_view(await bucket.all())
    serving = {id_ for id_, worker in before.workers.items() if route in worker.routes}
    waited = 0.0
    while serving and waited < lease.LEASE:
        await asyncio.sleep(LOOK_INTERVAL)
        waited += LOOK_INTERVAL
        view = read_view(await bucket.all())
        serving &= view.workers.keys()
        for id_ in serving:
            key = f"{lease.WORKER_KEYS}{id_}"
            if view.revisions[key] != before.revisions[key]:
                worker = view.workers[id_]
                msg = f"route `{route}` is served by process {worker.pid} on {worker.host}; stop it first"
                raise RouteInUse(msg)
