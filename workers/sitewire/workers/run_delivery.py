"""One run in one route: take what came, write it, settle it, fill what is missing, tell; for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.gaps import LOOK_AGAIN, Gap
from sitewire.workers.holding import Holding
from sitewire.workers.plan import Plan
from sitewire.workers.point import Point, reached
from sitewire.workers.receipts import PERIOD
from sitewire.workers.reporting import Reporter
from sitewire.workers.route_context import RouteContext
from sitewire.workers.trouble import Trouble
from sitewire.workers.writing import RunWriter

IDLE = 60.0  # seconds without a message until a run is closed in the sink; the next message opens it again


class RunDelivery:
    """Delivers one run, one batch at a time.

    Attributes:
        trouble: why the last attempt failed.
        ended: it takes no more messages.
    """

    def __init__(self, run: RunKey, experiment: str, context: RouteContext) -> None:
        self.trouble = Trouble(context.name, run)
        self.ended = False
        self._run = run
        self._context = context
        self._holding = Holding()
        self._reporter = Reporter(run, context, self.trouble)
        self._writer = RunWriter(run, experiment, context, self._reporter, self.trouble)
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Bytes of the messages that are here and not committed."""
        return self._holding.size

    def put(self, arrival: Arrival) -> None:
        """Take a message."""
        self._holding.put(arrival)

    def forget_sequences(self) -> None:
        """After a reconnection the stream may be another, with other sequences."""
        self._holding.last.clear()

    def stop(self) -> None:
        """Finish what is here, then end."""
        self._stopping = True
        self._holding.came.set()

    async def keep_alive(self) -> None:
        """Tell the server that the messages here are worked on."""
        await self._holding.keep_alive()

    async def run(self) -> None:
        """Deliver until stopped or idle."""
        try:
            while not self.ended:
                heed_cancellation()
                await self._wait()
                self._holding.take()
                await self._deliver()
                if self._reporter.due:
                    await self._tell()
            await self._tell()
        finally:
            await self._writer.close()

    async def _wait(self) -> None:
        """Wait for messages, for what is due, or for the end."""
        seconds = LOOK_AGAIN if self._holding.held else PERIOD if self._reporter.owes else IDLE
        idle = False
        if not self._holding.unread and not self._stopping:
            self._holding.came.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._holding.came.wait()
            except TimeoutError:
                idle = seconds == IDLE
        # Decided without an await between the look and the word, so that no message is put into a closed inbox.
        self.ended = not self._holding.unread and (self._stopping or idle)

    async def _deliver(self) -> None:
        while self._holding.held:
            plan = await self._writer.write(self._holding.held)
            await self._settle(plan)
            filling = [arrival for gap in self._gaps(plan) for arrival in await self._fill(gap)]
            if not filling:
                return
            self._holding.held.extend(filling)

    async def _settle(self, plan: Plan) -> None:
        """Acknowledge what is committed; where the sink keeps no positions, the receipt goes first."""
        self._reporter.count(plan, self._writer.positions)
        if not self._context.sink.remembers:
            await self._tell()
        done = self._holding.settle(plan.next)
        await self._holding.acknowledge(done, keep_last=self._reporter.owes)
        self._context.settled.set()
        reached(Point.BATCH_ACKNOWLEDGED)

    async def _tell(self) -> None:
        if self._reporter.owes:
            await self._reporter.tell()
            await self._holding.acknowledge((), keep_last=False)

    def _gaps(self, plan: Plan) -> Iterable[Gap]:
        for key, (first, end) in plan.missing.items():
            showed = min((a for a in self._holding.held if a.key == key), key=lambda a: a.envelope.first)
            after = self._holding.last.get(key, (self._context.start or 1) - 1) + 1
            yield Gap(self._run, key, first, end, showed.subject, after, showed.sequence)

    async def _fill(self, gap: Gap) -> list[Arrival]:
        try:
            return await self._context.gaps.fill(gap)
        except BrokerError as error:
            self.trouble.met(f"indexes {gap.first} to {gap.end - 1} are missing: {error}")
            return []
