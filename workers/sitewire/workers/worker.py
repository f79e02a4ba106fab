"""All routes of a configuration, or some of them, shared with whoever else delivers them, until told to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial

from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.change import Change, ChangeKind
from sitewire.broker_config.connection import EventKind, connect
from sitewire.broker_config.consumers import existing_consumers
from sitewire.broker_config.errors import BrokerError, ConnectionLost, NotThere, Temporary, mapped_errors
from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.moving import Standing, route_stands
from sitewire.broker_config.names import PARTITIONS, consumer_name, takes
from sitewire.broker_config.places import digest_of
from sitewire.broker_config.topology import apply, plan, route_start
from sitewire.workers.breaker import Breakers
from sitewire.workers.end_watch import EndWatch, RouteEnds
from sitewire.workers.fence import Fence
from sitewire.workers.outage import Outage
from sitewire.workers.ownership.lease import TRIMMER
from sitewire.workers.ownership.owner import Owner
from sitewire.workers.ownership.said import SaidOnce
from sitewire.workers.ownership.tenure import first_of, pause
from sitewire.workers.ownership.unit import Hold, Unit
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.registry import make_sink
from sitewire.workers.trimmer.trimmer import Trimmer

FLUSH_TIMEOUT = 2  # seconds
REFUSED_AGAIN = 60.0  # seconds until a route that could not be made is asked for again
MOVING_AGAIN = 2.0  # seconds until one whose place is another is looked at again: its workers may have stopped

_logger = logging.getLogger("sitewire.worker")


class Worker:
    """Delivers its share of what the routes of a configuration ask for: all of it, while nobody else does.

    Args:
        config: validated.
        routes: the names of those to run; all of them, and the trimmer, if empty.

    Attributes:
        ready: set once the streams and consumers are there.
    """

    def __init__(self, config: Config, routes: Collection[str] = ()) -> None:
        self._config = config
        self.ready = asyncio.Event()
        self._trims = not routes
        self._routes = [route for route in config.routes if not routes or route.name in routes]
        self._generation = 0
        self._closing = False
        self._declared = False
        self._changes: frozenset[Change] = frozenset()
        self._moving = False
        self._said = SaidOnce()
        self._breakers = Breakers()
        self._returned = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set; then commit and acknowledge what is there, and close.

        Raises:
            Permanent: a sink cannot work as it is configured.
        """
        backoff = Backoff(first=0.25, most=5.0)
        while not stop.is_set():
            heed_cancellation()
            try:
                await self._connected(stop)
            except* BrokerError as errors:
                self._said.warn("broker", str(first_of(errors)), "trying again")
            await pause(backoff, stop)

    async def _connected(self, stop: asyncio.Event) -> None:
        endpoint = self._config.broker.endpoint
        client = await connect(endpoint, name="sitewire worker", on_event=self._on_event)
        self._closing = False
        try:
            await self._declare(client)
            starts = await self._starts(client)
            self._said.clear()
            self.ready.set()
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(self._watch_store(client, starts), name="watch the broker's store")
                ends = EndWatch(client, lambda: self._generation)
                hearing = group.create_task(ends.run(), name="watch the ends of runs")
                await Owner(client, self._units(client, starts, ends), self._said, self._outages).run(stop)
                watching.cancel()
                hearing.cancel()
        finally:
            self._closing = True
            await _close(client)

    async def _declare(self, client: Client) -> bool:
        """Make what is not there; whether there was any such thing."""
        topology = await asyncio.to_thread(plan, self._config)
        # To start with a file is to ask for what it says; to come back is not: it may be older than another's.
        changes = await apply(client, topology, move=not self._declared)
        self._declared = True
        for change in changes:
            if change in self._changes:
                continue  # a route that waits says so once
            if change.kind is ChangeKind.REFUSED:
                _logger.error("%s", change)
            elif change.kind is not ChangeKind.UNCHANGED:
                _logger.info("%s", change)
        self._changes = frozenset(changes)
        return any(change.kind is ChangeKind.CREATED for change in changes)

    async def _starts(self, client: Client) -> dict[str, int | None]:
        """Return where each route began; one that could not be made, or is another place's, is left out.

        It is no unit of this worker then, and stops no other. Who moves it to this place waits for nobody here.
        """
        consumers = await existing_consumers(client) or {}
        found: dict[str, int | None] = {}
        self._moving = False
        for route in self._routes:
            if route_stands(consumers, route.name, route.sink.identity) is not Standing.OURS:
                self._moving = True
                continue
            with suppress(NotThere):
                found[route.name] = await route_start(client, route.name) or None
        return found

    async def _watch_store(self, client: Client, starts: Mapping[str, int | None]) -> None:
        """Look for what was declared whenever the broker is back, and now and then for a route that is left out.

        Raises:
            ConnectionLost: it has another store. What is known here of sequences is wrong then: start over.
        """
        backoff = Backoff(first=0.25, most=5.0)
        while True:
            heed_cancellation()  # or who is told to end while the broker comes back never would
            with suppress(TimeoutError):
                async with asyncio.timeout(self._looks_again(starts)):
                    await self._returned.wait()
            self._returned.clear()
            try:
                lost = await self._declare(client)
                # Or another worker was faster, or the store is an older copy, or a route has moved.
                changed = await self._starts(client) != starts
            except Temporary:
                self._returned.set()  # JetStream is not up yet
                await backoff.pause()
                continue
            if lost or changed:
                what = "the broker has another store, or a route was missing"
                msg = f"{what if lost else 'which routes there are, or where they begin, has changed'}; starting over"
                raise ConnectionLost(msg)

    def _looks_again(self, starts: Mapping[str, int | None]) -> float | None:
        if self._moving:
            return MOVING_AGAIN
        return REFUSED_AGAIN if len(starts) < len(self._routes) else None

    def _units(self, client: Client, starts: Mapping[str, int | None], watch: EndWatch) -> Iterator[Unit]:
        for route in self._routes:
            if route.name not in starts:
                continue
            ends = RouteEnds(watch, takes(route.subjects))
            for partition in range(PARTITIONS):
                run = partial(self._deliver, client, route, partition, starts[route.name], ends)
                name, title = consumer_name(route.name, partition), f"route {route.name}, partition {partition}"
                yield Unit(name, title, run, digest_of(route.sink.identity))
        if self._trims:
            yield Unit(TRIMMER, "the trimmer", self._trim)

    async def _trim(self, stop: asyncio.Event, hold: Hold) -> None:
        await Trimmer(self._config.broker.endpoint, self._config.keep, hold.left, hold.works).run(stop)

    async def _deliver(
        self,
        client: Client,
        route: Route,
        partition: int,
        start: int | None,
        ends: RouteEnds,
        stop: asyncio.Event,
        hold: Hold,
    ) -> None:
        sink = await asyncio.to_thread(make_sink, route.sink)  # it looks through what is installed
        generation = lambda: self._generation  # noqa: E731  what a partition asks for
        fence = Fence(client, route.name, partition, route.sink.identity)
        breaker = self._breakers.of(route.sink.identity)
        owner = RoutePartition(client, route.name, partition, sink, start, generation, hold, ends, fence, breaker)
        await owner.run(stop)

    def _outages(self) -> Mapping[str, Outage]:
        return self._breakers.outages((route.name, route.sink.identity) for route in self._routes)

    def _on_event(self, kind: EventKind, text: str) -> None:
        if kind == "reconnected":
            self._generation += 1
            self._returned.set()
            _logger.info("the broker is back")
        elif kind == "disconnected" and not self._closing:
            _logger.warning("the broker is away: %s", text or "connection lost")
        elif kind == "error":
            _logger.warning("broker: %s", text)


async def _close(client: Client) -> None:
    try:
        with mapped_errors():
            await client.flush(FLUSH_TIMEOUT)  # the last acknowledgements, or what is committed comes again
    except BrokerError as error:
        _logger.info("not flushed at the end, so some messages will come again and be dropped: %s", error)
    await client.close()
