"""What ``status`` shows: how full the streams are, how far the routes are behind, who was heard of when."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nats.aio.client import Client
from nats.js.api import ConsumerInfo

from sitewire.broker_config.consumers import existing_consumers, routes_of
from sitewire.broker_config.count import count_messages
from sitewire.broker_config.errors import NotThere, mapped_errors
from sitewire.broker_config.jetstream_api import STREAM_MISSING, ask_unless
from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.names import (
    ACCOUNTS_STREAM,
    DEAD_STREAM,
    METRICS_STREAM,
    PARTITIONS,
    RECEIPTS_STREAM,
    RETRIES_STREAM,
    consumer_name,
    parse_consumer_name,
    retry_consumer_name,
    stored_filters,
)
from sitewire.deploy.accounting import Books, read_books
from sitewire.deploy.broker.disk import disk_trouble
from sitewire.deploy.room import ParkedHealth, RoomHealth, read_room
from sitewire.deploy.workforce import OutageHealth, PartitionHealth, WorkerHealth, Workforce, read_workers
from sitewire.schemas.dead_letter import MESSAGE, RECORD, letters


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """One stream. Sizes in bytes; ``max_bytes`` is -1 without a bound."""

    name: str
    messages: int
    bytes: int
    max_bytes: int


@dataclass(frozen=True, slots=True)
class RouteHealth:
    """One route.

    Attributes:
        lag_messages: envelopes not acknowledged; a record's lag is in ``runs``, as ``pending``.
        lag_seconds: age of the oldest of them; 0.0 if there is none.
        partitions_taken: partitions that a living worker owns.
        owners: who works on each partition, and what is wrong with it.
        dead_letters: records that its tracker refused for good, and messages that could not be read.
        outages: who finds that its place takes nothing.
    """

    name: str
    sink: str
    lag_messages: int
    lag_seconds: float
    partitions: int
    partitions_taken: int
    owners: tuple[PartitionHealth, ...]
    dead_letters: int
    outages: tuple[OutageHealth, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteHealth:
    """One site.

    Attributes:
        last_heard: when its latest account was stored, seconds since the epoch.
        alive: writers that said they live.
        runs: runs of this site that the accounts know.
    """

    name: str
    last_heard: float
    alive: int
    runs: int


@dataclass(frozen=True, slots=True)
class Health:
    """All of it.

    Attributes:
        stale_routes: that have a position on the broker, hold the stream by it, and are not in the file.
    """

    streams: tuple[StreamHealth, ...]
    routes: tuple[RouteHealth, ...]
    workers: tuple[WorkerHealth, ...]
    sites: tuple[SiteHealth, ...]
    room: RoomHealth
    parked: tuple[ParkedHealth, ...]
    stale_routes: tuple[str, ...]


async def read_health(client: Client, config: Config) -> Health:
    """Ask the broker.

    Raises:
        BrokerError: it could not be read; ``NotThere`` before ``broker apply`` or a worker has made the streams.
    """
    names = [METRICS_STREAM, ACCOUNTS_STREAM, RECEIPTS_STREAM]
    names += [name for name in (DEAD_STREAM, RETRIES_STREAM) if await _is_there(client, name)]
    streams = [await _stream(client, name) for name in names]
    workforce = await read_workers(client)
    routes = [await _route(client, route, workforce) for route in config.routes]
    planned = {route.name for route in config.routes}
    room, parked = await read_room(client, planned)
    stale = tuple(sorted(routes_of(await existing_consumers(client) or ()) - planned))
    sites = _sites(await read_books(client))
    room = replace(room, disk=await asyncio.to_thread(_disk, config))
    return Health(tuple(streams), tuple(routes), workforce.workers, sites, room, parked, stale)


async def read_backlogs(client: Client, config: Config) -> dict[str, int | None]:
    """Return per route the messages that are not acknowledged; None if it has no consumers yet.

    Raises:
        BrokerError: the broker could not be read.
    """
    backlogs: dict[str, int | None] = {}
    for route in config.routes:
        found = await _consumers(client, route)
        again = await _lag_of_retries(client, route)
        backlogs[route.name] = _lag(found) + again if len(found) == PARTITIONS else None
    return backlogs


def _disk(config: Config) -> str:
    embedded = config.broker.embedded
    return "" if embedded is None else disk_trouble(embedded.store)


async def _is_there(client: Client, name: str) -> bool:
    """Whether a broker that was set up by an earlier version has the stream."""
    return await ask_unless(client, f"STREAM.INFO.{name}", None, STREAM_MISSING) is not None


async def _stream(client: Client, name: str) -> StreamHealth:
    with mapped_errors():
        info = await client.jsm().stream_info(name)
    bound = info.config.max_bytes
    return StreamHealth(name, info.state.messages, info.state.bytes, -1 if bound is None else bound)


async def _consumers(
    client: Client, route: Route, stream: str = METRICS_STREAM, name_of: Callable[[str, int], str] = consumer_name
) -> list[ConsumerInfo]:
    infos: list[ConsumerInfo] = []
    for partition in range(PARTITIONS):
        try:
            with mapped_errors():
                infos.append(await client.jsm().consumer_info(stream, name_of(route.name, partition)))
        except NotThere:
            continue  # no worker has taken it up yet
    return infos


def _lag(infos: Sequence[ConsumerInfo]) -> int:
    return sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos)


async def _route(client: Client, route: Route, workforce: Workforce) -> RouteHealth:
    infos = await _consumers(client, route)
    lag = _lag(infos)
    oldest = [await _oldest(client, route, info) for info in infos] if lag else []
    owners = workforce.partitions(route.name)
    taken = sum(bool(partition.worker) for partition in owners)
    lag += await _lag_of_retries(client, route)
    dead = sum([await count_messages(client, DEAD_STREAM, letters(route.name, sort)) for sort in (RECORD, MESSAGE)])
    age, outages = max(oldest, default=0.0), workforce.outages(route.name)
    return RouteHealth(route.name, route.sink.identity, lag, age, len(owners), taken, owners, dead, outages)


async def _lag_of_retries(client: Client, route: Route) -> int:
    return _lag(await _consumers(client, route, RETRIES_STREAM, retry_consumer_name))


async def _oldest(client: Client, route: Route, info: ConsumerInfo) -> float:
    """Return the age of the first message above the consumer's ack floor, in seconds."""
    named = parse_consumer_name(info.name)
    if named is None or not (info.num_pending or info.num_ack_pending) or info.ack_floor is None:
        return 0.0
    ages = [0.0]
    for pattern in stored_filters(route.subjects, named[1]):
        try:
            with mapped_errors():
                found = await client.jsm().get_msg(
                    METRICS_STREAM, info.ack_floor.stream_seq + 1, pattern, direct=True, next=True
                )
        except NotThere:
            continue
        if found.time is not None:
            ages.append(max(time.time() - found.time.timestamp(), 0.0))
    return max(ages)


def _sites(books: Books) -> tuple[SiteHealth, ...]:
    names = sorted({run.site for run in books.accounts})
    return tuple(_site(books, name) for name in names)


def _site(books: Books, name: str) -> SiteHealth:
    runs = {run: heard for run, heard in books.accounts.items() if run.site == name}
    heard = [item for writers in runs.values() for item in writers.values()]
    return SiteHealth(name, max(item.time for item in heard), sum(item.account.alive for item in heard), len(runs))
