"""One run in one route: take what came, write it, settle it, fill what is missing, tell; for ever.

A run that is in the way of others is parked: then it reads from the stream what its consumer has brought
and got acknowledged unread (``detour.py``), until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import replace

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.account import Account
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.conclusion import Conclusion
from sitewire.workers.detour import Detour
from sitewire.workers.errors import GivenUp
from sitewire.workers.filling import Filling
from sitewire.workers.gaps import LOOK_AGAIN
from sitewire.workers.holding import Holding
from sitewire.workers.pacing import Pace
from sitewire.workers.patience import Patience
from sitewire.workers.plan import Plan
from sitewire.workers.point import Point, reached
from sitewire.workers.receipts import PERIOD
from sitewire.workers.reporting import Reporter
from sitewire.workers.route_context import RouteContext
from sitewire.workers.suspicions import Suspicions, Unreadable
from sitewire.workers.trouble import Trouble
from sitewire.workers.way_back import MISSING, Turn, WayBack
from sitewire.workers.writing import RunWriter

IDLE = 60.0  # seconds without a message until a run is closed in the sink; the next message opens it again
QUIET = 5.0  # seconds of the same, where many runs are open: whoever may publish can name a new one in each message
TRY_AGAIN = 30.0  # seconds at most between two attempts of a parked run

HANGS = "an attempt to write has not come back"
ITS_END = "its end"
UNREADABLE = "messages that cannot be read"
REFUSING = "the tracker refuses many of its records, which are found one by one"

_logger = logging.getLogger("sitewire.worker")


class RunDelivery:
    """Delivers one run, one batch at a time.

    Attributes:
        trouble: why the last attempt failed.
        ended: it takes no more messages.
        concluding: the sink is being told of its end.
        run_key: which run.
        moved: when something was last committed, on the monotonic clock.
        missing_since: since when it waits for indexes that are missing, on the same clock; None if it does not.
    """

    def __init__(self, run: RunKey, experiment: str | None, context: RouteContext) -> None:
        self.trouble = Trouble(context.name, run)
        self.ended = False
        self.concluding = False
        self.run_key = run
        self.moved = 0.0
        self.missing_since: float | None = None
        self._came = time.monotonic()
        self._context = context
        self._holding = Holding()
        self._detour = Detour(run, context.lot, self._holding)
        self._reporter = Reporter(run, context, self.trouble)
        self._patience = Patience()
        self._writer = RunWriter(run, experiment, context, self._reporter, self.trouble, self._patience)
        self._filling = Filling(run, context, self._holding, self._writer, self.trouble)
        self._suspicions = Suspicions(run, context, self._positions, self._filling.fill)
        self._conclusion = Conclusion(run, context)
        self._way_back = WayBack(
            self._detour,
            self._holding,
            self.trouble,
            context.lot.trying,
            open_run=lambda: self._writer.write(()),
            deliver=self._deliver,
            tell=self._tell,
            tell_if_due=self._tell_if_due,
        )
        self._backoff = Backoff(first=0.5, most=TRY_AGAIN)
        self._stopping = asyncio.Event()
        self._pace = Pace(context.sink.pace, self._holding, self._presses, self._tell_if_due)

    @property
    def parked(self) -> bool:
        """Whether it reads from the stream."""
        return self._detour.open

    @property
    def place_is_down(self) -> bool:
        """Whether no run of the place is tried: none is in another's way then."""
        return self._context.breaker.open

    @property
    def waiting(self) -> int:
        """Bytes of the messages that are here and not committed; what a parked run has read has a bound of its own.

        Retries have one too: a run that fails, and of which nothing else comes, has nothing to be parked with.
        """
        return self._holding.size - (self._holding.held_size if self.parked else 0)

    @property
    def waiting_again(self) -> int:
        """Bytes of the retries that are here and not committed."""
        return self._holding.again_size

    @property
    def messages(self) -> int:
        """The number of messages that are here and not committed."""
        return self._holding.count

    def put(self, arrival: Arrival) -> None:
        """Take a message."""
        self._writer.experiment = self._writer.experiment or arrival.envelope.experiment
        self._came = time.monotonic()
        self._holding.put(arrival)
        if self.parked:
            self._context.lot.called.set()

    def suspect(self, unreadable: Unreadable) -> None:
        """Find out whether a message that cannot be read has left something missing; then it is terminated."""
        self._suspicions.add(unreadable)
        self._holding.came.set()

    @property
    def suspected(self) -> int:
        """The number of messages that cannot be read and are not terminated."""
        return self._suspicions.count

    def heard(self, writer: str, account: Account) -> None:
        """Take what is said of a writer of the run."""
        self._conclusion.heard(writer, account)
        if self._conclusion.worth_a_look:
            self._holding.came.set()

    def hurry(self) -> None:
        """Write what is here without gathering more: the partition has no room."""
        self._pace.hurry()

    def forget_sequences(self) -> None:
        """After a reconnection the stream may be another, with other sequences."""
        self._holding.last.clear()
        self._conclusion.forget()

    def stop(self) -> None:
        """Finish what is here, then end."""
        self._stopping.set()
        self._patience.end()  # what fails now is the successor's
        self._holding.came.set()

    async def keep_alive(self) -> None:
        """Tell the server that the messages here are worked on."""
        await self._holding.keep_alive()
        await self._suspicions.keep_alive()

    async def park(self) -> None:
        """Have what is here, and what comes, acknowledged unread, and read it from the stream later.

        Raises:
            BrokerError: that could not be stored.
        """
        reason = self.trouble.text or self._why()
        await self._detour.begin(reason)
        if self.parked:
            self._set_out()
            _logger.warning("%s: parked, and tried again from time to time; the others go on: %s", self._name, reason)

    def _why(self) -> str:
        if self.trouble.slow:
            return REFUSING
        return HANGS if self.trouble.attempt is not None else MISSING

    async def resume(self) -> None:
        """Go by what the bucket says: it is parked, or not.

        Raises:
            BrokerError: it could not be read.
        """
        await self._detour.resume()
        if self.parked:
            self._set_out()
            _logger.info("%s: it is parked; it goes on from there", self._name)

    async def attend(self, *, hangs: bool) -> None:
        """Of a parked run, acknowledge what has come, and note if it hangs.

        Raises:
            BrokerError: the broker does not answer.
        """
        if self.parked:
            await self._detour.acknowledge()
            if hangs:
                await self._detour.note(HANGS)
            self._context.settled.set()

    async def run(self) -> None:
        """Deliver until stopped or idle."""
        try:
            while not self.ended:
                heed_cancellation()
                await (self._come_back() if self.parked else self._go_on())
            await self._tell()
        finally:
            await self._writer.close()

    @property
    def _name(self) -> str:
        return f"route {self._context.name}, {self.run_key.run}/{self.run_key.site}"

    def _set_out(self) -> None:
        self._patience.lose()
        self._holding.came.set()
        self._context.settled.set()

    async def _go_on(self) -> None:
        await self._wait()
        if self._holding.waits:
            await self._pace.gather()
        if self.parked:
            return
        self._holding.take()
        try:
            await self._deliver()
            if self._suspicions.count:
                await self._look_into_suspicions()
            await self._conclude()
        except GivenUp:
            self.ended = self._stopping.is_set()
            return
        await self._tell_if_due()

    async def _come_back(self) -> None:
        """Take one turn on the way back from where it is parked."""
        if self._stopping.is_set():
            self.ended = True
            return
        turn = await self._way_back.turn()
        if turn is Turn.FAILED:
            await _rest(self._backoff.draw(), self._stopping)
            return
        self._backoff.reset()
        if turn is Turn.WAITING:
            await _rest(LOOK_AGAIN, self._holding.came)
        elif turn is Turn.BACK:
            self._arrive()

    def _arrive(self) -> None:
        self._conclusion.worth_a_look = True  # it may have ended meanwhile
        if not self._stopping.is_set():
            self._patience.regain()
        _logger.info("%s: it is back; %d messages were read again", self._name, self._detour.read)

    async def _wait(self) -> None:
        """Wait for messages, for what is due, or for the end."""
        looking = self._holding.held or self._suspicions.count
        resting = min(QUIET, IDLE)
        seconds = LOOK_AGAIN if looking else PERIOD if self._reporter.owes else self._conclusion.due_in or resting
        idle = False
        if not (self._holding.waits or self._stopping.is_set() or self._may_end):
            self._holding.came.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._holding.came.wait()
            except TimeoutError:
                quiet = time.monotonic() - self._came
                idle = seconds == resting and quiet >= (resting if self._context.crowded() else IDLE)
        # Decided without an await between the look and the word, so that no message is put into a closed inbox.
        self.ended = not self._holding.waits and (self._stopping.is_set() or idle)

    @property
    def _may_end(self) -> bool:
        return self._conclusion.worth_a_look and not (self._holding.held or self._conclusion.due_in)

    def _presses(self) -> bool:
        """Whether there is more to do than to write what comes."""
        return self.parked or self._stopping.is_set() or self._suspicions.count > 0 or self._may_end

    async def _deliver(self) -> None:
        while self._holding.held:
            heed_cancellation()
            plan = await self._writer.write(self._holding.held)
            await self._settle(plan)
            if plan.partial:
                await self._tell_if_due()
                continue
            if plan.missing:  # a search can take long, and others may need the room
                self.missing_since = self.missing_since or time.monotonic()
            filling = await self._filling.missing(plan)
            if not filling:
                break
            self._holding.hold(filling)
        self.missing_since = (self.missing_since or time.monotonic()) if self._holding.held else None

    async def _conclude(self) -> None:
        """Tell the sink how the run stands, if that is news to it. Nobody else writes to the run meanwhile."""
        if self._holding.held or self._stopping.is_set() or self._conclusion.due_in:
            return
        self._conclusion.worth_a_look = False
        try:
            await self._reporter.known()
            ending = await self._conclusion.news(self._reporter.receipt)
        except BrokerError as error:
            self.trouble.met(f"{ITS_END}: {error}")
            self._conclusion.put_off()
            return
        self.trouble.over(ITS_END)
        if ending is not None:
            await self._tell()  # the place may refuse for long, and counts do not wait for that
            self.concluding = True
            try:
                await self._writer.conclude(ending)
            finally:
                self.concluding = False
            self._reporter.concluded(ending)
            await self._tell()

    async def _settle(self, plan: Plan) -> None:
        """Acknowledge what is committed; where the sink keeps no positions, the receipt goes first."""
        # What is read again from the stream has not come twice.
        self._reporter.count(replace(plan, duplicates=0) if self.parked else plan, self._writer.positions)
        if not self._context.sink.remembers:
            await self._tell()
        done = self._holding.settle(plan.next)
        await self._holding.acknowledge(done, keep_last=self._reporter.owes)
        self.moved = time.monotonic()
        self._context.settled.set()
        reached(Point.BATCH_ACKNOWLEDGED)

    async def _tell(self) -> None:
        if self._reporter.owes:
            await self._reporter.tell()
            await self._holding.acknowledge((), keep_last=False)

    async def _look_into_suspicions(self) -> None:
        busy = {arrival.key for arrival in self._holding.here}
        try:
            found = await self._suspicions.look(busy, self._filling.after)
        except BrokerError as error:
            self.trouble.met(f"{UNREADABLE}: {error}")
            return
        self.trouble.over(UNREADABLE)
        self._holding.hold(found)
        await self._deliver()

    async def _positions(self, experiment: str) -> Mapping[StreamKey, Position]:
        self._writer.experiment = experiment
        await self._writer.write(())
        return self._writer.positions

    async def _tell_if_due(self) -> None:
        if self._reporter.due:
            await self._tell()


async def _rest(seconds: float, until: asyncio.Event) -> None:
    """Wait, unless something happens before."""
    try:
        async with asyncio.timeout(seconds):
            await until.wait()
    except TimeoutError:
        pass
