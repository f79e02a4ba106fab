"""Open, plan, write, commit, until it has worked.

After any failure the run is closed in the sink, opened again, and planned anew from the positions that
the sink recovered. There is no other repair. A batch that the tracker refuses for good is halved until one
record is left: that one goes to the dead letters, and is planned as one of them from then on.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError, StreamFull
from sitewire.schemas.ending import Ending
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.hole import Hole
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.bisecting import Bisecting, Culprit
from sitewire.workers.breaker import Attempt
from sitewire.workers.circuit import Permit
from sitewire.workers.decisions import NONE_DECIDED, Decisions
from sitewire.workers.errors import BatchRefused, GivenUp, PlaceDown, WorkerError
from sitewire.workers.patience import Patience
from sitewire.workers.plan import Plan, make_plan
from sitewire.workers.point import Point, reached
from sitewire.workers.reporting import Reporter
from sitewire.workers.route_context import RouteContext
from sitewire.workers.sinks.contract import RunSink
from sitewire.workers.trouble import Trouble

MOST_SAID = 10  # refused records of a run that are named in the log
UNKNOWN_EXPERIMENT = "default"  # of a run of which nothing readable has come, and nobody gives an account

_logger = logging.getLogger("sitewire.worker")


class RunWriter:
    """Writes one run to the sink, one batch at a time.

    Attributes:
        experiment: of the run, asked for when it is opened; None while nothing readable has come.
    """

    def __init__(
        self,
        run: RunKey,
        experiment: str | None,
        context: RouteContext,
        reporter: Reporter,
        trouble: Trouble,
        patience: Patience,
    ) -> None:
        self._run = run
        self.experiment = experiment
        self._context = context
        self._reporter = reporter
        self._trouble = trouble
        self._patience = patience
        self._sink: RunSink | None = None
        self._bases: dict[StreamKey, int] = {}
        self._bisecting = Bisecting()
        self._decisions: Decisions | None = None  # only we decide for as long as the run is ours
        self._going_on = False
        self._said = 0

    @property
    def positions(self) -> Mapping[StreamKey, Position]:
        """What is committed, as far as the sink is open."""
        return {} if self._sink is None else self._sink.positions

    async def write(self, held: Sequence[Arrival]) -> Plan:
        """Commit what can be committed of the messages at hand, or a part of it; tries until that has worked.

        Returns:
            The plan that is committed. Its duplicates are those of the first one: what a failed attempt
            wrote after all must not count as having come twice. If it is partial, call again with what is left.

        Raises:
            GivenUp: an attempt failed, and patience is lost; or it is lost for good, and the place is not to be tried.
        """
        backoff = Backoff(first=0.1, most=5.0)
        duplicates = 0 if self._going_on else None
        while True:
            heed_cancellation()
            try:
                async with self._attempt(backoff) as (sink, attempt):
                    plan = await self._plan(sink, held)
                    duplicates = plan.duplicates if duplicates is None else duplicates
                    part = self._bisecting.part(plan)
                    passed = await self._commit(sink, part)
                    attempt.proven = bool(part.deliveries)  # without any, the tracker may not have been asked
            except GivenUp:
                raise
            except (WorkerError, BrokerError) as error:
                self._trouble.met(str(error), quiet=isinstance(error, PlaceDown))
            except Exception as error:  # noqa: BLE001  a fault of ours or of a library must not take other runs down with it
                self._trouble.met_unexpected(error)
            else:
                self._trouble.over()
                self._trouble.slow = part.partial or not passed
                if passed:
                    self._going_on = part.partial
                    return replace(part, duplicates=duplicates)
                await self.close()
                continue
            await self.close()
            await self._patience.pause(backoff)

    async def conclude(self, ending: Ending) -> None:
        """Tell the sink how the run stands; tries until that has worked.

        Raises:
            GivenUp: an attempt failed, and patience is lost.
        """
        backoff = Backoff(first=0.1, most=5.0)
        while True:
            heed_cancellation()
            try:
                async with self._attempt(backoff) as (sink, attempt):
                    await sink.conclude(ending)
                    attempt.proven = True
            except GivenUp:
                raise
            except (WorkerError, BrokerError) as error:
                self._trouble.met(str(error), quiet=isinstance(error, PlaceDown))
            except Exception as error:  # noqa: BLE001  a fault of ours or of a library must not take other runs down with it
                self._trouble.met_unexpected(error)
            else:
                self._trouble.over()
                return
            await self.close()
            await self._patience.pause(backoff)

    def go_by(self, key: StreamKey, hole: Hole) -> None:
        """Write nothing under the indexes of a hole that has been noted, whatever comes: a retry may deliver it."""
        if self._decisions is not None:  # else it is read with the others
            self._decisions.empty(key, hole)

    def doubt(self) -> None:
        """Read anew what is decided before the next write: a letter or note may be stored, and its answer lost."""
        self._decisions = None

    async def close(self) -> None:
        """Close the run in the sink; the next write opens it again."""
        sink, self._sink = self._sink, None
        if sink is not None:
            await sink.close()

    @asynccontextmanager
    async def _attempt(self, backoff: Backoff) -> AsyncIterator[tuple[RunSink, Attempt]]:
        """Have the run open in the sink for one attempt: at once, or if it is not, when its turn has come."""
        permit, breaker = await self._admitted(backoff), self._context.breaker
        turn = nullcontext() if self._sink is not None else breaker.newcomers.one()
        async with breaker.attempt(permit, self._trouble.row) as attempt, turn:
            self._trouble.begun()
            yield await self._opened(), attempt

    async def _admitted(self, backoff: Backoff) -> Permit:
        """Wait until the place may be tried."""
        heed_cancellation()
        if self._context.breaker.open:
            backoff.reset()  # the pause is the place's
        failing = self._trouble.row is not None
        return await self._context.breaker.admit(self._patience.ended, self._trouble.excused, failing=failing)

    async def _opened(self) -> RunSink:
        if self._sink is None:
            known = await self._reporter.known()
            self._sink = await self._context.sink.open_run(self._run, self._experiment, known)
        if self._decisions is None:
            self._decisions = await self._context.letters.decided(self._run, self._sink.positions)
        return self._sink

    async def _plan(self, sink: RunSink, held: Iterable[Arrival]) -> Plan:
        envelopes: dict[StreamKey, list[Envelope]] = {}
        for arrival in held:
            envelopes.setdefault(arrival.key, []).append(arrival.envelope)
            if arrival.key not in sink.positions and arrival.key not in self._bases:
                self._bases[arrival.key] = await self._base(arrival)
        return make_plan(sink.positions, self._bases, envelopes, self._context.sink.holds, self._known)

    async def _commit(self, sink: RunSink, part: Plan) -> bool:
        """Write and commit; whether the tracker took it."""
        if not part.deliveries:
            return True
        reached(Point.BATCH_PLANNED)
        try:
            await sink.write(part.deliveries)
            reached(Point.BATCH_WRITTEN)
            await sink.commit()
        except BatchRefused as error:
            await self._refused(part, error)
            return False
        reached(Point.BATCH_COMMITTED)
        self._bisecting.passed(part)
        self._known.forget(sink.positions)
        return True

    async def _refused(self, part: Plan, error: BatchRefused) -> None:
        culprit = self._bisecting.refused(part, error.at)
        if culprit is None:
            return
        try:
            await self._context.letters.refuse(self._run, self._experiment, culprit, error)
        except StreamFull:
            raise
        except BrokerError:
            self.doubt()
            raise
        reached(Point.LETTER_PUBLISHED)
        self._known.refuse(culprit.key, culprit.index)
        self._say(culprit, error)

    def _say(self, culprit: Culprit, error: BatchRefused) -> None:
        where = f"route {self._context.name}, {self._run.run}/{self._run.site}"
        if self._said < MOST_SAID:
            _logger.error("%s: %r is in the dead letters: %s", where, culprit.record.name, error)
        elif self._said == MOST_SAID:
            _logger.error("%s: the records that follow to the dead letters are not named here", where)
        self._said += 1

    @property
    def _experiment(self) -> str:
        return self.experiment or UNKNOWN_EXPERIMENT

    @property
    def _known(self) -> Decisions:
        return self._decisions or NONE_DECIDED

    async def _base(self, arrival: Arrival) -> int:
        if self._context.start is None or arrival.again:
            return 0
        first = await self._context.stream.base(arrival.subject, self._context.start)
        return arrival.envelope.first if first is None else first
