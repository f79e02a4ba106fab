"""One partition of one route: pull, hand out to runs, and on SIGTERM finish what is there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.consumers import MAX_ACK_PENDING
from sitewire.broker_config.errors import mapped_errors
from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival, arrive
from sitewire.workers.breaker import Breaker
from sitewire.workers.bucket_claims import BucketClaims
from sitewire.workers.complaint import Complaint
from sitewire.workers.dead_letters import DeadLetters
from sitewire.workers.end_watch import Listener, RouteEnds
from sitewire.workers.errors import GivenUp
from sitewire.workers.fence import Fence
from sitewire.workers.gaps import GapFiller
from sitewire.workers.ownership.unit import ALONE, Hold
from sitewire.workers.parking import Parking
from sitewire.workers.parking_lot import ParkingLot
from sitewire.workers.point import Point, reached
from sitewire.workers.pull import LEASE_LOOK, Pull
from sitewire.workers.receipts import ReceiptBook
from sitewire.workers.retries import Retries
from sitewire.workers.route_context import RouteContext
from sitewire.workers.run_delivery import RunDelivery
from sitewire.workers.setting_aside import SettingAside
from sitewire.workers.sinks.contract import Sink
from sitewire.workers.stream import Stream

FETCH_LIMIT = 8  # messages decoded before the loop sees to others; a full one takes about 2 ms
MOST_WAITING = 2 * 1024 * 1024  # bytes of a partition's messages in work; decoded they take about five times that
MOST_AGAIN = 1024 * 1024  # bytes of a partition's retries, beside these
MANY_WAITING = MAX_ACK_PENDING // 2  # messages; with those on their way it is the most that the server gives
MOST_SUSPECTED = MAX_ACK_PENDING // 4  # unreadable messages that are looked into; what is more is terminated at once
MANY_RUNS = 64  # open at once; each may hold files and memory of its tracker
KEEP_ALIVE = 10.0  # seconds, a third of the consumers' ack_wait
STOP_TIMEOUT = 10.0  # seconds for what is there to be committed and acknowledged

_logger = logging.getLogger("sitewire.worker")


class RoutePartition:
    """Owns one partition of one route, and of its sink.

    Args:
        client: connected.
        route: the route's name.
        partition: which.
        sink: of this partition alone, not open yet.
        start: the stream sequence that the route begins at; None for the beginning.
        generation: asked for a number that rises with each connection.
        hold: the lease that it is owned under.
        ends: who tells it of the ends of runs; without it none is looked for but those of the runs that come.
        fence: asked before anything is pulled whether the route is delivered to the sink's place; without it it is.
        breaker: of the sink's place; without it one of its own.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what one owner is made of; a bundle would only have another name
        self,
        client: Client,
        route: str,
        partition: int,
        sink: Sink,
        start: int | None,
        generation: Callable[[], int],
        hold: Hold = ALONE,
        ends: RouteEnds | None = None,
        fence: Fence | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self.route = route
        self.partition = partition
        self.unreadable = 0
        self._client = client
        self._sink = sink
        self._generation = generation
        self._hold = hold
        self._fence = fence
        self._consumer = consumer_name(route, partition)
        stream = Stream(client)
        self._settled = asyncio.Event()
        book = ReceiptBook(client, route)
        lot = ParkingLot(client, route, partition)
        letters = DeadLetters(client, route, sink.identity)
        gaps = GapFiller(stream, letters)
        self._breaker = breaker or Breaker(sink.identity)
        self._ends = ends
        takes = ends.takes if ends is not None else lambda _: True
        self._context = RouteContext(
            *(route, partition, sink, stream, gaps, book, start, self._settled, lot, letters, self._breaker, takes),
            lambda: len(self._runs) > MANY_RUNS,
        )
        self._runs: dict[RunKey, tuple[RunDelivery, asyncio.Task[None]]] = {}
        self._aside = SettingAside(route, letters)
        self._retries = Retries(client, route, partition, sink.identity, hold, generation, fence)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set, then commit and acknowledge what is there.

        Raises:
            WorkerError: the sink's partition could not be opened; or, ``UnitLost``, it is somebody else's; or,
                ``RouteMoved``, the route is.
            BrokerError: the consumer is not there, or the connection is closed.
        """
        await self._stay_inside()  # before the sink is opened, or whoever the route belongs to may find it locked
        try:
            self._sink.attach(BucketClaims(self._client, self._sink.identity))
            if not await self._open_sink(stop):
                return
            reached(Point.SINK_OPENED)
            async with asyncio.TaskGroup() as group:
                deliver, complaint = partial(self._delivery, group), Complaint(self._hold.troubled, self._hold.hangs)
                parking = Parking(self._context.lot, self._deliveries, self._is_full, deliver, complaint)
                attending = group.create_task(parking.run(), name=f"attend to parked runs of {self._consumer}")
                fetching = group.create_task(self._fetch(group, parking), name=f"fetch {self._consumer}")
                again = self._retries.run(self._wait_for_room_again, partial(self._hand_out_again, group))
                retrying = group.create_task(again, name=f"fetch retries of {self._consumer}")
                keeping = group.create_task(self._keep_alive(), name=f"keep alive {self._consumer}")
                with self._listening(group):
                    await stop.wait()
                fetching.cancel()
                retrying.cancel()
                await asyncio.wait([fetching, retrying])  # or it could hand out more behind the back of who finishes
                reached(Point.FETCHING_STOPPED)
                await self._finish()
                keeping.cancel()
                attending.cancel()
        finally:
            await self._sink.close()

    async def _open_sink(self, stop: asyncio.Event) -> bool:
        """Open the sink when its place may be tried; whether it is open, or it is to stop."""
        try:
            permit = await self._breaker.admit(stop, lambda: None)
        except GivenUp:
            return False
        async with self._breaker.attempt(permit):
            await self._sink.open(self.partition)
        return True

    def _listening(self, group: asyncio.TaskGroup) -> AbstractContextManager[None]:
        if self._ends is None:
            return nullcontext()
        begin, start = partial(self._delivery, group), self._context.start
        ends = self._ends
        return ends.watch.told(
            Listener(self.route, self.partition, self._sink.identity, start, ends.takes, self._known, begin)
        )

    def _known(self, run: RunKey) -> RunDelivery | None:
        known = self._runs.get(run)
        return None if known is None or known[0].ended else known[0]

    async def _fetch(self, group: asyncio.TaskGroup, parking: Parking) -> None:
        pull = Pull(self._client, METRICS_STREAM, self._consumer, self._hold.left)
        async with pull.subscribed():
            generation = -1
            while True:
                heed_cancellation()
                if generation != self._generation():
                    await self._leased()
                    generation = self._generation()
                    await self._stay_inside()
                    self._forget_sequences()
                    await self._reset()
                    await parking.adopt()
                    self._hold.works()
                await self._wait_for_room()
                if generation != self._generation():
                    continue  # what is unacknowledged has to come again before what is newer
                messages = await pull.fetch(FETCH_LIMIT)
                if messages:
                    reached(Point.FETCHED)
                unreadable = [pair for message in messages if (pair := self._hand_out(group, message)) is not None]
                if unreadable:
                    await self._set_all_aside(group, unreadable)
                await asyncio.sleep(0)  # what was handed out has to be written before there is room for more

    async def _leased(self) -> None:
        """Wait until nobody else can have taken the partition over: what is reset would be the next owner's."""
        while self._hold.left() <= 0:
            heed_cancellation()
            await asyncio.sleep(LEASE_LOOK)

    async def _stay_inside(self) -> None:
        if self._fence is not None:
            await self._fence.check()

    def _forget_sequences(self) -> None:
        self._context.gaps.forget()
        self._aside.forget()
        for delivery, _ in self._runs.values():
            delivery.forget_sequences()

    async def _reset(self) -> None:
        # What was delivered before and is not acknowledged comes again at once and in order (ADR-60 of the NATS
        # project), rather than after ack_wait and behind what is newer.
        with mapped_errors():
            await self._client.jsm().reset_consumer(METRICS_STREAM, self._consumer)
        heed_cancellation()

    def _hand_out(self, group: asyncio.TaskGroup, message: Msg) -> tuple[Msg, SchemaError] | None:
        """Give a message to its run; return one that cannot be read, and why."""
        try:
            arrival = arrive(message)
        except SchemaError as error:
            return message, error
        self._delivery(group, arrival.run, arrival.envelope.experiment).put(arrival)
        return None

    def _hand_out_again(self, group: asyncio.TaskGroup, arrival: Arrival) -> None:
        self._delivery(group, arrival.run, arrival.envelope.experiment).put(arrival)

    async def _set_all_aside(self, group: asyncio.TaskGroup, unreadable: Iterable[tuple[Msg, SchemaError]]) -> None:
        # At once, or who sends a thousand of them a second would have the partition wait for a thousand answers.
        async with asyncio.TaskGroup() as keeping:
            for message, error in unreadable:
                keeping.create_task(self._set_aside(group, message, error))

    async def _set_aside(self, group: asyncio.TaskGroup, message: Msg, error: SchemaError) -> None:
        self.unreadable += 1
        unreadable = await self._aside.keep(message, error)
        if unreadable is None:
            return
        if sum(delivery.suspected for delivery in self._deliveries()) >= MOST_SUSPECTED:
            with mapped_errors():
                await message.term()
            return
        self._delivery(group, unreadable.subject.key, None).suspect(unreadable)

    def _delivery(self, group: asyncio.TaskGroup, run: RunKey, experiment: str | None) -> RunDelivery:
        if (there := self._known(run)) is not None:
            return there
        known = self._runs.get(run)
        delivery = RunDelivery(run, experiment, self._context)
        name = f"deliver {run.run}/{run.site} to {self.route}"
        task = group.create_task(_run_after(delivery, known[1] if known else None), name=name)
        self._runs[run] = delivery, task
        task.add_done_callback(lambda done: self._forget(run, done))
        self._context.lot.called.set()  # it sleeps while there are no runs
        return delivery

    def _forget(self, run: RunKey, task: asyncio.Task[None]) -> None:
        if self._runs[run][1] is task:
            del self._runs[run]
            self._context.book.forget(run)

    def _deliveries(self) -> list[RunDelivery]:
        return [delivery for delivery, _ in self._runs.values()]

    def _is_full(self) -> bool:
        """Whether no more messages are taken, or the server gives none: it bounds their number."""
        deliveries = self._deliveries()
        waiting = sum(delivery.waiting for delivery in deliveries)
        return waiting >= MOST_WAITING or sum(delivery.messages for delivery in deliveries) >= MANY_WAITING

    def _hurry(self) -> None:
        for delivery in self._deliveries():
            delivery.hurry()

    async def _wait_for_room(self) -> None:
        if self._is_full():
            self._hurry()
        while sum(delivery.waiting for delivery, _ in self._runs.values()) >= MOST_WAITING:
            self._settled.clear()
            await self._settled.wait()

    async def _wait_for_room_again(self) -> None:
        while sum(delivery.waiting_again for delivery, _ in self._runs.values()) >= MOST_AGAIN:
            self._hurry()
            self._settled.clear()
            await self._settled.wait()

    async def _keep_alive(self) -> None:
        while True:
            heed_cancellation()
            await asyncio.sleep(KEEP_ALIVE)
            for delivery, _ in list(self._runs.values()):
                await delivery.keep_alive()

    async def _finish(self) -> None:
        tasks = [task for _, task in self._runs.values()]
        for delivery, _ in self._runs.values():
            delivery.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
            for task in late:
                _logger.warning("not finished in time, it will be delivered again: %s", task.get_name())
                task.cancel()


async def _run_after(delivery: RunDelivery, earlier: asyncio.Task[None] | None) -> None:
    # One owner of a run at a time, in this process as everywhere: an idle one may still be closing.
    if earlier is not None:
        await asyncio.wait([earlier])
    await delivery.run()
