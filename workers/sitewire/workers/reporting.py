"""The receipt of one run in one route: counted with each commit, published about once a second."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from operator import attrgetter

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Span
from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.receipt import Position, Receipt, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.plan import Plan
from sitewire.workers.receipts import PERIOD
from sitewire.workers.route_context import RouteContext
from sitewire.workers.trouble import Trouble

ITS_RECEIPT = "its receipt"

_time_of = attrgetter("time")


class Reporter:
    """Counts what becomes of a run's indexes, and tells it."""

    def __init__(self, run: RunKey, context: RouteContext, trouble: Trouble) -> None:
        self._run = run
        self._context = context
        self._trouble = trouble
        self._receipt: Receipt | None = None
        self._told: Receipt | None = None
        self._due = 0.0

    @property
    def owes(self) -> bool:
        """Whether the receipt that is out is not the last word."""
        return self._receipt != self._told

    @property
    def due(self) -> bool:
        """Whether the last receipt was long enough ago for another."""
        return time.monotonic() >= self._due

    async def known(self) -> Mapping[StreamKey, Position]:
        """Return the positions of the receipt, read from the broker the first time.

        Raises:
            BrokerError: it could not be read.
        """
        if self._receipt is None:
            self._receipt = await self._context.book.load(self._run, self._context.sink.identity)
        return self._receipt.positions if self._receipt else {}

    @property
    def receipt(self) -> Receipt | None:
        """How the run stands in the sink; None while that is not known, or nothing of it is there."""
        return self._receipt

    def concluded(self, ending: Ending) -> None:
        """Note what the sink has been told."""
        if self._receipt is not None:
            self._receipt = replace(self._receipt, ending=ending)

    def count(self, plan: Plan, positions: Mapping[StreamKey, Position]) -> None:
        """Count a plan that is committed."""
        times = _times(plan)
        old = self._receipt or Receipt(self._context.sink.identity, {})
        self._receipt = replace(
            old,
            positions=dict(positions),
            # Whoever sends a hole of 2**61 indexes again and again gets no further than a count can.
            duplicates=min(old.duplicates + plan.duplicates, MAX_INDEX),
            first_time=min([*times, old.first_time] if old.first_time else times, default=0.0),
            last_time=max([*times, old.last_time], default=0.0),
        )

    async def tell(self) -> None:
        """Publish the receipt if it says more than the one that is out; tries until it is stored."""
        if self._receipt is None or not self.owes:
            return
        backoff = Backoff(first=0.1, most=5.0)
        while True:
            heed_cancellation()
            receipt = self._receipt
            try:
                await self._context.book.publish(self._run, receipt)
            except BrokerError as error:
                self._trouble.met(f"{ITS_RECEIPT}: {error}")
                await self._context.book.pause(backoff)
            else:
                self._trouble.over(ITS_RECEIPT)
                self._told = receipt
                self._due = time.monotonic() + PERIOD
                return


def _times(plan: Plan) -> list[float]:
    spans = [delivery.stretch.records for delivery in plan.deliveries if isinstance(delivery.stretch, Span)]
    return [pick(map(_time_of, records)) for records in spans for pick in (min, max)]
