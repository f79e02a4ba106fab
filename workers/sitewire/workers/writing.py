"""Open, plan, write, commit, until it has worked.

After any failure the run is closed in the sink, opened again, and planned anew from the positions that
the sink recovered. There is no other repair.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.errors import WorkerError
from sitewire.workers.patience import Patience
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.point import Point, reached
from sitewire.workers.reporting import Reporter
from sitewire.workers.route_context import RouteContext
from sitewire.workers.sinks.contract import RunSink
from sitewire.workers.trouble import Trouble

_logger = logging.getLogger("sitewire.worker")


class RunWriter:
    """Writes one run to the sink, one batch at a time."""

    def __init__(
        self,
        run: RunKey,
        experiment: str,
        context: RouteContext,
        reporter: Reporter,
        trouble: Trouble,
        patience: Patience,
    ) -> None:
        self._run = run
        self._experiment = experiment
        self._context = context
        self._reporter = reporter
        self._trouble = trouble
        self._patience = patience
        self._sink: RunSink | None = None
        self._bases: dict[StreamKey, int] = {}

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed, as far as the sink is open."""
        return {} if self._sink is None else self._sink.positions

    async def write(self, held: Sequence[Arrival]) -> Plan:
        """Commit what can be committed of the messages at hand; tries until that has worked.

        Returns:
            The plan that is committed. Its duplicates are those of the first one: what a failed attempt
            wrote after all must not count as having come twice.

        Raises:
            GivenUp: an attempt failed, and patience is lost.
        """
        backoff = Backoff(first=0.1, most=5.0)
        duplicates: int | None = None
        while True:
            heed_cancellation()
            self._trouble.begun()
            try:
                sink = await self._opened()
                plan = await self._plan(sink, held)
                duplicates = plan.duplicates if duplicates is None else duplicates
                await self._commit(sink, plan)
            except (WorkerError, BrokerError) as error:
                self._trouble.met(str(error))
            except Exception as error:  # a fault of ours or of a library must not take other runs down with it
                _logger.exception("route %s, %s: unexpected", self._context.name, self._run)
                self._trouble.met(repr(error))
            else:
                self._trouble.over()
                return replace(plan, duplicates=duplicates)
            await self.close()
            await self._patience.pause(backoff)

    async def close(self) -> None:
        """Close the run in the sink; the next write opens it again."""
        sink, self._sink = self._sink, None
        if sink is not None:
            await sink.close()

    async def _opened(self) -> RunSink:
        if self._sink is None:
            known = await self._reporter.known()
            self._sink = await self._context.sink.open_run(self._run, self._experiment, known)
        return self._sink

    async def _plan(self, sink: RunSink, held: Iterable[Arrival]) -> Plan:
        envelopes: dict[StreamKey, list[Envelope]] = {}
        for arrival in held:
            envelopes.setdefault(arrival.key, []).append(arrival.envelope)
            if arrival.key not in sink.positions and arrival.key not in self._bases:
                self._bases[arrival.key] = await self._base(arrival)
        return make_plan(sink.positions, self._bases, envelopes, self._context.sink.holds)

    async def _commit(self, sink: RunSink, plan: Plan) -> None:
        if not plan.deliveries:
            return
        reached(Point.BATCH_PLANNED)
        await sink.write(plan.deliveries)
        reached(Point.BATCH_WRITTEN)
        await sink.commit()
        reached(Point.BATCH_COMMITTED)

    async def _base(self, arrival: Arrival) -> int:
        if self._context.start is None:
            return 0
        first = await self._context.stream.base(arrival.subject, self._context.start)
        return arrival.envelope.first if first is None else first
