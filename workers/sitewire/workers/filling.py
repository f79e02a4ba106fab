"""What fills the gaps of one run in one route: found in the stream, or made of what its trainer says is gone."""

from __future__ import annotations

from collections.abc import Iterator

from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.gaps import Gap
from sitewire.workers.holding import Holding
from sitewire.workers.plan import Plan
from sitewire.workers.route_context import RouteContext
from sitewire.workers.trouble import Trouble
from sitewire.workers.writing import RunWriter


class Filling:
    """Says what is missing of a run, and asks for it."""

    def __init__(
        self, run: RunKey, context: RouteContext, holding: Holding, writer: RunWriter, trouble: Trouble
    ) -> None:
        self._run = run
        self._context = context
        self._holding = holding
        self._writer = writer
        self._trouble = trouble

    async def missing(self, plan: Plan) -> list[Arrival]:
        """Return what was found of what a plan misses."""
        return [arrival for gap in self._gaps(plan) for arrival in await self.fill(gap)]

    async def fill(self, gap: Gap) -> list[Arrival]:
        """Return what was found of one gap; nothing when the broker does not answer, which is noted."""
        try:
            found = await self._context.gaps.fill(gap)
        except BrokerError as error:
            self._writer.doubt()
            self._trouble.met(f"indexes {gap.first} to {gap.end - 1} are missing: {error}")
            return []
        for arrival in found:
            for hole in arrival.envelope.holes:
                if arrival.made and hole.name is HoleName.DAMAGED:
                    self._writer.go_by(arrival.key, hole)
        return found

    def after(self, key: StreamKey) -> int:
        """Return the stream sequence behind the last message of a numbering that is committed."""
        return self._holding.last.get(key, (self._context.start or 1) - 1) + 1

    def _gaps(self, plan: Plan) -> Iterator[Gap]:
        for key, (first, end) in plan.missing.items():
            above = [arrival for arrival in self._holding.held if arrival.key == key]
            if not above:
                continue  # parked since the plan was made
            if first < self._holding.next.get(key, first):
                self._holding.last.pop(key, None)  # the place has lost what it had: that lies anywhere in the stream
            showed = min(above, key=lambda arrival: arrival.envelope.first)
            after = 1 if showed.again else self.after(key)
            new = key not in self._writer.positions
            yield Gap(self._run, key, first, end, showed.subject, after, showed.sequence, new)
