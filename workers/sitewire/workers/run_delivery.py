"""One run in one route: plan, write, commit, acknowledge, in that order and for ever.

After any failure the run is closed in the sink, opened again, and planned anew from the positions that
the sink recovered. There is no other repair.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError, mapped_errors
from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.receipt import Position, Receipt, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.errors import WorkerError
from sitewire.workers.gaps import LOOK_AGAIN, Gap, GapFiller
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.receipts import PERIOD, ReceiptBook
from sitewire.workers.sinks.contract import RunSink, Sink
from sitewire.workers.stream import Stream

IDLE = 60.0  # seconds without a message until a run is closed in the sink; the next message opens it again

_logger = logging.getLogger("sitewire.worker")
_time_of = attrgetter("time")


@dataclass(frozen=True, slots=True)
class RouteContext:
    """What the runs of one partition of a route share.

    Attributes:
        name: the route's.
        sink: open on the partition.
        stream: what the broker stores.
        gaps: finds what is missing.
        book: the route's receipts.
        start: the stream sequence that the route begins at; None for the beginning, where every base is 0.
        settled: set whenever messages have been acknowledged.
    """

    name: str
    sink: Sink
    stream: Stream
    gaps: GapFiller
    book: ReceiptBook
    start: int | None
    settled: asyncio.Event


class RunDelivery:
    """Delivers one run, one batch at a time.

    Attributes:
        trouble: why the last attempt failed, in words; None when it did not.
        ended: it takes no more messages.
    """

    def __init__(self, run: RunKey, experiment: str, context: RouteContext) -> None:
        self.trouble: str | None = None
        self.ended = False
        self._run = run
        self._experiment = experiment
        self._context = context
        self._inbox: deque[Arrival] = deque()
        self._came = asyncio.Event()
        self._held: list[Arrival] = []
        self._kept: list[Arrival] = []
        self._sink: RunSink | None = None
        self._bases: dict[StreamKey, int] = {}
        self._last: dict[StreamKey, int] = {}
        self._receipt: Receipt | None = None
        self._told: Receipt | None = None
        self._due = 0.0
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Bytes of the messages that are here and not acknowledged."""
        return sum(arrival.size for arrival in (*self._inbox, *self._held))

    def put(self, arrival: Arrival) -> None:
        """Take a message. The consumer's ``max_ack_pending`` bounds how many there can be."""
        self._inbox.append(arrival)
        self._came.set()

    def forget_sequences(self) -> None:
        """After a reconnection the stream may be another, with other sequences."""
        self._last.clear()

    def stop(self) -> None:
        """Finish what is here, then end."""
        self._stopping = True
        self._came.set()

    async def keep_alive(self) -> None:
        """Tell the server that the messages here are worked on, so that it does not deliver them again."""
        for arrival in (*self._inbox, *self._held, *self._kept):
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.in_progress()

    async def run(self) -> None:
        """Deliver until stopped or idle."""
        try:
            while not self.ended:
                heed_cancellation()
                await self._wait()
                self._held.extend(self._inbox)
                self._inbox.clear()
                await self._deliver()
                await self._tell(due=time.monotonic() >= self._due)
            await self._tell(due=True)
        finally:
            await self._close()

    async def _wait(self) -> None:
        """Wait for messages, for what is due, or for the end."""
        seconds = LOOK_AGAIN if self._held else PERIOD if self._receipt != self._told else IDLE
        idle = False
        if not self._inbox and not self._stopping:
            self._came.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._came.wait()
            except TimeoutError:
                idle = seconds == IDLE
        # Decided without an await between the look and the word, so that no message is put into a closed inbox.
        self.ended = not self._inbox and (self._stopping or idle)

    async def _deliver(self) -> None:
        while self._held:
            sink, plan = await self._commit()
            await self._settle(sink, plan)
            filling = [arrival for gap in self._gaps(plan) for arrival in await self._fill(gap)]
            if not filling:
                return
            self._held.extend(filling)

    async def _commit(self) -> tuple[RunSink, Plan]:
        backoff = Backoff(first=0.1, most=5.0)
        duplicates: int | None = None
        while True:
            heed_cancellation()
            try:
                sink = await self._opened()
                plan = await self._attempt(sink)
            except (WorkerError, BrokerError) as error:
                self._in_trouble(str(error))
            except Exception as error:  # a fault of ours or of a library must not take other runs down with it
                _logger.exception("route %s, %s: unexpected", self._context.name, self._run)
                self._in_trouble(repr(error))
            else:
                self.trouble = None
                plan.duplicates = plan.duplicates if duplicates is None else duplicates
                return sink, plan
            # What a failed attempt wrote after all must not count as having come twice.
            duplicates = duplicates or 0
            await self._close()
            await backoff.pause()

    async def _attempt(self, sink: RunSink) -> Plan:
        envelopes: dict[StreamKey, list[Envelope]] = {}
        for arrival in self._held:
            envelopes.setdefault(arrival.key, []).append(arrival.envelope)
            if arrival.key not in sink.positions and arrival.key not in self._bases:
                self._bases[arrival.key] = await self._base(arrival)
        plan = make_plan(sink.positions, self._bases, envelopes, self._context.sink.holds)
        if plan.deliveries:
            await sink.write(plan.deliveries)
            await sink.commit()
        return plan

    async def _opened(self) -> RunSink:
        if self._sink is None:
            context = self._context
            if self._receipt is None:
                self._receipt = await context.book.load(self._run, context.sink.identity)
            known = self._receipt.positions if self._receipt else {}
            self._sink = await context.sink.open_run(self._run, self._experiment, known)
        return self._sink

    async def _base(self, arrival: Arrival) -> int:
        if self._context.start is None:
            return 0
        first = await self._context.stream.base(arrival.subject, self._context.start)
        return arrival.envelope.first if first is None else first

    async def _settle(self, sink: RunSink, plan: Plan) -> None:
        """Acknowledge what is committed; where the sink keeps no positions, the receipt goes first."""
        self._count(plan, sink.positions)
        if not self._context.sink.remembers:
            await self._tell(due=True)
        done = [arrival for arrival in self._held if arrival.envelope.end <= plan.next[arrival.key]]
        self._held = [arrival for arrival in self._held if arrival.envelope.end > plan.next[arrival.key]]
        for arrival in done:
            self._last[arrival.key] = max(self._last.get(arrival.key, 0), arrival.sequence)
        await self._acknowledge([*self._kept, *(arrival for arrival in done if arrival.message is not None)])
        self._context.settled.set()

    async def _acknowledge(self, done: list[Arrival]) -> None:
        """Acknowledge all but the last, and that too if the receipt is out.

        Its coming again brings the run back, and with it the receipt, should this process die before.
        """
        self._kept = done[-1:] if self._receipt != self._told else []
        for arrival in done[: len(done) - len(self._kept)]:
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.ack()

    def _count(self, plan: Plan, positions: Mapping[StreamKey, Position]) -> None:
        times = _times(plan)
        old = self._receipt or Receipt(self._context.sink.identity, {})
        self._receipt = Receipt(
            old.sink,
            dict(positions),
            old.duplicates + plan.duplicates,
            min([*times, old.first_time] if old.first_time else times, default=0.0),
            max([*times, old.last_time], default=0.0),
        )

    async def _tell(self, *, due: bool) -> None:
        if not due or self._receipt is None or self._receipt == self._told:
            return
        backoff = Backoff(first=0.1, most=5.0)
        while True:
            heed_cancellation()
            receipt = self._receipt
            try:
                await self._context.book.publish(self._run, receipt)
            except BrokerError as error:
                self._in_trouble(f"its receipt: {error}")
                await backoff.pause()
            else:
                self._told = receipt
                self._due = time.monotonic() + PERIOD
                await self._acknowledge(self._kept)
                return

    def _gaps(self, plan: Plan) -> Iterable[Gap]:
        for key, (first, end) in plan.missing.items():
            showed = min((a for a in self._held if a.key == key), key=lambda a: a.envelope.first)
            after = self._last.get(key, (self._context.start or 1) - 1) + 1
            yield Gap(self._run, key, first, end, showed.subject, after, showed.sequence)

    async def _fill(self, gap: Gap) -> list[Arrival]:
        try:
            return await self._context.gaps.fill(gap)
        except BrokerError as error:
            self._in_trouble(f"indexes {gap.first} to {gap.end - 1} are missing: {error}")
            return []

    def _in_trouble(self, text: str) -> None:
        if text != self.trouble:
            _logger.warning(
                "route %s, %s/%s: %s; trying again", self._context.name, self._run.run, self._run.site, text
            )
        self.trouble = text

    async def _close(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            await sink.close()


def _times(plan: Plan) -> list[float]:
    spans = [delivery.stretch.records for delivery in plan.deliveries if isinstance(delivery.stretch, Span)]
    return [pick(map(_time_of, records)) for records in spans for pick in (min, max)]
