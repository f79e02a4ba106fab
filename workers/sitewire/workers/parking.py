"""Who of a partition's runs is parked, and when: those in trouble must not stand in the way of the others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.consumers import MAX_ACK_PENDING
from sitewire.broker_config.errors import BrokerError
from sitewire.schemas.subject import RunKey
from sitewire.workers.complaint import Complaint
from sitewire.workers.parking_lot import ParkingLot
from sitewire.workers.run_delivery import RunDelivery

PARK_AFTER = 1.0  # seconds of failing
STANDS_STILL = 2.0  # seconds in which nothing of a full partition was delivered: what is being attempted hangs
HANGS_AFTER = 20.0  # seconds of one attempt where there is room; on a busy machine a sound one takes some
LARGE: Final = 512 * 1024  # bytes of one run's messages: a quarter of what its partition holds
MANY: Final = MAX_ACK_PENDING // 4  # messages of one run
LOOK_EVERY = 0.25  # seconds, while there are runs
LOOK_FOR_OTHERS = 30.0  # seconds; for a key that an earlier owner stored when this one had looked already

_logger = logging.getLogger("sitewire.worker")


@dataclass(frozen=True, slots=True)
class Standstill:
    """One run that may be in the way. Times are seconds ago; None if it is not so.

    Attributes:
        size: bytes of the messages that are here and not committed.
        messages: their number.
        failing: since when every attempt failed.
        attempting: when the attempt under way began.
        missing: since when it waits for indexes that are missing.
        passed: when another run of the partition was last delivered.
        slow: it is delivered in small parts, because the tracker refuses some of its records.
    """

    size: int
    messages: int
    failing: float | None
    attempting: float | None
    missing: float | None
    passed: float | None
    slow: bool = False

    def is_in_the_way(self, *, full: bool) -> bool:
        """Whether the run is to be parked; ``full`` if its partition takes no more messages."""
        if not self.messages:
            return False
        large = full or self.size >= LARGE or self.messages >= MANY
        if self.slow and large:
            return True
        if self.failing is not None and (large or (self.failing >= PARK_AFTER and self._passed(self.failing))):
            return True
        if self.attempting is not None and self._hangs(self.attempting, full=full):
            return True
        return self.missing is not None and self.missing >= PARK_AFTER and large

    def _hangs(self, attempting: float, *, full: bool) -> bool:
        """Where there is room it delays nobody; and what is only slow must not be read twice."""
        if full and attempting >= STANDS_STILL:
            return self.passed is None or self.passed >= STANDS_STILL
        return attempting >= HANGS_AFTER and (full or self._passed(attempting))

    def _passed(self, since: float) -> bool:
        return self.passed is not None and self.passed < since


class Parking:
    """Looks at the runs of a partition, parks those in the way, and acknowledges what comes for a parked one.

    Args:
        lot: what the parked runs of the partition share.
        runs: asked for the runs that are being delivered.
        full: asked whether the partition takes no more messages.
        deliver: makes the delivery of a run, given its experiment if that is known, unless there is one.
        complaint: says which runs are in trouble and not parked.
    """

    def __init__(
        self,
        lot: ParkingLot,
        runs: Callable[[], Collection[RunDelivery]],
        full: Callable[[], bool],
        deliver: Callable[[RunKey, str | None], RunDelivery],
        complaint: Complaint,
    ) -> None:
        self._lot = lot
        self._runs = runs
        self._full = full
        self._deliver = deliver
        self._complaint = complaint
        self._looked = time.monotonic()
        self._said = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            heed_cancellation()
            await self._wait()
            self._complaint.look(self._runs(), HANGS_AFTER)
            try:
                await self._look()
            except BrokerError as error:
                self._say(str(error))
            else:
                self._said = ""

    async def _look(self) -> None:
        for delivery in self._runs():
            attempt = delivery.trouble.attempt
            await delivery.attend(hangs=attempt is not None and time.monotonic() - attempt >= HANGS_AFTER)
        for chosen in self._in_the_way():
            heed_cancellation()
            await chosen.park()
        if time.monotonic() >= self._looked + LOOK_FOR_OTHERS:
            await self._look_for_others()

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            _logger.warning("runs in trouble cannot be parked: %s; trying again", text)

    async def adopt(self) -> None:
        """Go on with what the bucket says is parked: before the first message is pulled, and after a reconnection.

        Raises:
            BrokerError: it could not be read.
        """
        self._looked = time.monotonic()
        parked = {delivery.run_key for delivery in self._runs() if delivery.parked}
        for run in {*parked, *await self._lot.book.runs()}:
            await self._adopt(run)

    async def _adopt(self, run: RunKey) -> None:
        entry = await self._lot.book.look(run)
        needed = entry is not None and await self._lot.stored.last(run) >= entry.sequence
        if entry is not None and not needed:
            await self._lot.book.remove(run)  # nothing of it is stored any more
        known = [delivery for delivery in self._runs() if delivery.run_key == run and not delivery.ended]
        if entry is not None and needed and not known:
            first = await self._lot.stored.first(run, entry.sequence)
            known = [self._deliver(run, first.envelope.experiment if first is not None else None)]
        for delivery in known:
            await delivery.resume()

    async def _look_for_others(self) -> None:
        self._looked = time.monotonic()
        parked = {delivery.run_key for delivery in self._runs() if delivery.parked}
        for run in {*await self._lot.book.runs()} - parked:
            await self._adopt(run)

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY if self._runs() else LOOK_FOR_OTHERS):
                await self._lot.called.wait()
        except TimeoutError:
            pass
        self._lot.called.clear()

    def _in_the_way(self) -> list[RunDelivery]:
        """Return all of them: each that stayed would fill the partition anew, and stop the others once more."""
        now, full = time.monotonic(), self._full()
        moved = max((delivery.moved for delivery in self._runs()), default=0.0)
        return [
            delivery
            for delivery in self._runs()
            if not (delivery.parked or delivery.place_is_down)
            and _standstill(delivery, now, moved).is_in_the_way(full=full)
        ]


def _standstill(delivery: RunDelivery, now: float, moved: float) -> Standstill:
    trouble = delivery.trouble
    times = (trouble.since, trouble.attempt, delivery.missing_since, moved or None)
    failing, attempting, missing, passed = (None if time is None else now - time for time in times)
    return Standstill(delivery.waiting, delivery.messages, failing, attempting, missing, passed, trouble.slow)
