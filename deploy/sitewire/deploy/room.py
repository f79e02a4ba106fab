"""Room in the metrics stream: how much there is, how long it lasts, and who keeps the trimmer from making more."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nats.aio.client import Client

from sitewire.broker_config.errors import NotThere, mapped_errors
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.workers.trimmer.needs import Need, NeedKind
from sitewire.workers.trimmer.reading import StreamState, read_needs, read_state

RECENT = 10  # the last one of so many parts of the stream says how fast it grows


@dataclass(frozen=True, slots=True)
class Holder:
    """A route, or one of its parked runs, that keeps messages from being purged.

    Attributes:
        kind: why: ``unread``, ``incomplete``, ``parked`` or ``no_route``.
        route: its name; of what has no name that we can read, all of that.
        partition: where its oldest message is; None if it concerns the whole route.
        site: of the parked run; empty if it is none.
        run: the parked run; empty if it is none.
        messages: in the stream from its oldest on, others' too: what it keeps.
        bytes: of these, by the average.
        seconds: age of the oldest.
        in_file: whether the route is in the config file.
    """

    kind: NeedKind
    route: str
    partition: int | None
    site: str
    run: str
    messages: int
    bytes: int
    seconds: float
    in_file: bool


@dataclass(frozen=True, slots=True)
class ParkedHealth:
    """A run that failed while others went on, and is read again later.

    Attributes:
        since: seconds since the epoch; 0.0 if unknown.
        reason: what failed.
    """

    route: str
    partition: int | None
    site: str
    run: str
    since: float
    reason: str


@dataclass(frozen=True, slots=True)
class RoomHealth:
    """How full the metrics stream is.

    Attributes:
        fullness: share of the bound that is used; 0.0 without a bound.
        full_in: seconds until it is full if nothing is trimmed and it grows as lately; None if it does not, or cannot.
        holders: for each route the oldest that it needs, and each parked run, the oldest first.
        disk: why the embedded broker's disk takes nothing; empty if it does, or is not on this machine.
    """

    fullness: float
    full_in: float | None
    holders: tuple[Holder, ...]
    disk: str = ""


async def read_room(client: Client, routes: Collection[str]) -> tuple[RoomHealth, tuple[ParkedHealth, ...]]:
    """Ask the broker how much room there is, who holds it, and which runs are parked.

    Args:
        client: connected.
        routes: the names of those in the file.

    Raises:
        BrokerError: the broker could not be read.
    """
    stream = await read_state(client)
    needs = await read_needs(client)
    holders = [await _holder(client, need, stream, routes) for need in _of_each(needs)]
    return RoomHealth(stream.fullness, await _full_in(client, stream), tuple(holders)), tuple(_parked(needs))


def _of_each(needs: Iterable[Need]) -> list[Need]:
    """Return the first need of each route, and of each parked run."""
    first: dict[object, Need] = {}
    for need in needs:
        first.setdefault(need.run or (need.kind is NeedKind.PARKED, need.route), need)
    return list(first.values())


def _parked(needs: Iterable[Need]) -> Iterable[ParkedHealth]:
    for need in needs:
        if need.parked is not None:
            site, run = _names(need)
            yield ParkedHealth(need.route, need.partition, site, run, need.parked.since, need.parked.reason)


async def _holder(client: Client, need: Need, stream: StreamState, routes: Collection[str]) -> Holder:
    first = max(need.sequence, stream.first)
    share = max(stream.last - first + 1, 0) / max(stream.last - stream.first + 1, 1)
    at = await _time_of(client, first)
    return Holder(
        need.kind,
        need.route,
        need.partition,
        *_names(need),
        round(stream.messages * share),
        round(stream.bytes * share),
        max(time.time() - at, 0.0) if at is not None else 0.0,
        need.route in routes,
    )


def _names(need: Need) -> tuple[str, str]:
    return (need.run.site, need.run.run) if need.run else ("", "")


async def _full_in(client: Client, stream: StreamState) -> float | None:
    if stream.max_bytes <= 0 or stream.messages < RECENT:
        return None
    count = (stream.last - stream.first) // RECENT
    since = await _time_of(client, stream.last - count)
    # To now, and not to the last message: what has stopped growing is not soon full.
    if since is None or (passed := time.time() - since) <= 0:
        return None
    rate = stream.bytes / stream.messages * count / passed
    return max(stream.max_bytes - stream.bytes, 0) / rate if rate else None


async def _time_of(client: Client, sequence: int) -> float | None:
    """Return when the first message from a sequence on was stored; None if there is none."""
    try:
        with mapped_errors():
            found = await client.jsm().get_msg(METRICS_STREAM, sequence, ">", direct=True, next=True)
    except NotThere:
        return None
    return found.time.timestamp() if found.time is not None else None
