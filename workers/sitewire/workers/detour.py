"""The way of a parked run: on from a stored position by direct gets, in the place of what its consumer brings.

Why no message is lost between the two worlds:

- A message is acknowledged unread only after a position at or below it has been stored in ``PARKED``. All at
  or above that position are read from the stream again, by this owner or, if it dies, by the next one.
- The way ends at the highest sequence that was acknowledged unread. When that has been read and committed, what
  comes from the consumer is held, unacknowledged, until the key is gone; so nothing can be acknowledged unread
  behind the end. With the key gone the run is an ordinary one, and what is held is the next thing that it writes.
- What is read twice (a crash between a commit and the position behind it) is dropped by its indexes.

A position that is left behind when a route is moved to another place is harmless: the consumer begins anew,
the first message that comes lies below the position, and it is moved there before that one is acknowledged.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Final

from sitewire.broker_config.errors import mapped_errors
from sitewire.schemas.subject import RunKey
from sitewire.workers.holding import Holding
from sitewire.workers.parked_run import MAX_REASON, ParkedRun
from sitewire.workers.parking_lot import ParkingLot
from sitewire.workers.point import Point, reached

READ_BYTES: Final = 1024 * 1024
"""Of a parked run in memory, at most; decoded they take about five times that."""

RETRIED_AFTER = 10.0  # seconds until a retry comes again that came for a parked run
MOVE_EVERY = 2.0  # seconds between two positions of a run that is catching up: the trimmer keeps what is behind


class Detour:
    """Whether a run is parked, from where it is read on, and how far its consumer was acknowledged unread.

    Attributes:
        open: the run is parked.
        read: messages that were read since it was parked.
    """

    def __init__(self, run: RunKey, lot: ParkingLot, holding: Holding) -> None:
        self.open = False
        self.read = 0
        self._run = run
        self._lot = lot
        self._holding = holding
        self._entry = ParkedRun(0, "", 0.0)  # as stored
        self._stored = False  # or it is not known whether it is
        self._cursor = 0
        self._end = 0
        self._filters: tuple[str, ...] = ()
        self._moved = 0.0
        self._probing = True
        self._writing = asyncio.Lock()  # one hand on the key

    @property
    def full(self) -> bool:
        """Whether it holds as much as a parked run may."""
        return self._holding.held_size >= READ_BYTES

    @property
    def behind(self) -> bool:
        """Whether something is left to read."""
        return self._cursor <= self._end

    async def begin(self, reason: str) -> None:
        """Park the run: store where it stands, then acknowledge what is here.

        Raises:
            BrokerError: it could not be stored; the run is not parked.
        """
        async with self._writing:
            if self.open or not self._holding.here:
                return
            lowest = min(arrival.sequence for arrival in self._holding.here)
            await self._store(ParkedRun(lowest, reason[:MAX_REASON], time.time()))
            reached(Point.RUN_PARKED)
            self._start(0)
            await self._acknowledge()

    async def resume(self) -> None:
        """Go by what the bucket says: at the start of an owner, and after each reconnection.

        Raises:
            BrokerError: it could not be read.
        """
        async with self._writing:
            entry = await self._lot.book.look(self._run)
            if entry is not None:
                self._entry, self._stored = entry, True
            elif self.open:
                await self._store(self._present())  # the broker's store is an older one
            else:
                return
            # What an earlier owner has acknowledged unread does not lie behind the run's end as it is now.
            self._start(await self._lot.stored.last(self._run))
            await self._acknowledge()

    async def acknowledge(self) -> None:
        """Acknowledge unread what has come.

        Raises:
            BrokerError: what came lies below the position, which could not be moved; it is still here.
        """
        async with self._writing:
            if self.open:
                await self._acknowledge()

    async def prepare(self) -> None:
        """Ask what to read; at the beginning of each try.

        Raises:
            BrokerError: no answer.
        """
        self._filters = await self._lot.stored.filters()

    async def read_on(self) -> bool:
        """Hold what comes next in the stream, as far as there is room; whether that was anything.

        Raises:
            BrokerError: it could not be read.
        """
        if not self.behind or self.full:
            return False
        start = self._cursor
        room = 1 if self._probing else READ_BYTES - self._holding.held_size
        passage = await self._lot.stored.read(self._run, self._filters, start, self._end, room)
        if self._cursor == start:  # or it was set back meanwhile, and is read from there next time
            self._cursor = passage.next
            self._holding.hold(passage.arrivals)
            self.read += len(passage.arrivals)
        return self._cursor != start

    def turn_back(self) -> None:
        """Forget what was read and is not committed: nothing is held while it fails.

        The next try reads one message: there are places that can be opened and not be written to.
        """
        self._probing = True
        self._cursor = self._position
        self._holding.drop()

    def trust(self) -> None:
        """Read as much as may be held: what was read last is committed."""
        self._probing = False

    async def note(self, reason: str | None = None) -> None:
        """Store how far the run has come, now and then, and why it is parked if that has changed.

        Raises:
            BrokerError: it could not be stored.
        """
        async with self._writing:
            now = time.monotonic()
            present = self._present(reason)
            due = present.reason != self._entry.reason or now >= self._moved + MOVE_EVERY
            if self.open and due and present != self._entry:
                self._moved = now
                await self._store(present)
                reached(Point.PARKED_MOVED)

    async def leave(self) -> bool:
        """Be an ordinary run again, if all that was acknowledged unread is committed; whether it is one now.

        Raises:
            BrokerError: the key could not be deleted.
        """
        async with self._writing:
            if self.behind or self._holding.held:
                return False
            # Nobody acknowledges while this hand is on the key; nor later, before it is known to be there.
            self._stored = False
            there = await self._lot.book.remove(self._run)
            if there is not None:
                self._entry, self._stored = there, True
                self._cursor = min(self._cursor, there.sequence)
                return False
            reached(Point.PARKED_FORGOTTEN)
            self.open = False
            return True

    @property
    def _position(self) -> int:
        """The lowest sequence that is not committed."""
        return min([self._cursor, *(arrival.sequence for arrival in self._holding.held)])

    def _present(self, reason: str | None = None) -> ParkedRun:
        text = self._entry.reason if reason is None else reason[:MAX_REASON]
        return replace(self._entry, sequence=self._position, reason=text)

    def _start(self, end: int) -> None:
        """Acknowledge unread what comes, from here on; the key is stored."""
        if self.open:
            self._holding.drop()
        else:
            self._holding.take_back()
            self.read = 0
        self.open = True
        self._cursor, self._end = self._entry.sequence, end
        self._probing = True
        self._moved = time.monotonic()

    async def _store(self, entry: ParkedRun) -> None:
        self._entry = await self._lot.book.store(self._run, entry)
        self._stored = True

    async def _acknowledge(self) -> None:
        await self._put_off()
        lowest = min((arrival.sequence for arrival in self._holding.unread), default=None)
        if lowest is None:
            return
        if not self._stored or lowest < self._entry.sequence:
            self._cursor = min(self._cursor, lowest)
            await self._store(self._present())
        done = self._holding.give_up(self._entry.sequence)
        self._end = max([self._end, *(arrival.sequence for arrival in done)])
        self._holding.came.set()
        for arrival in done:
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.ack()

    async def _put_off(self) -> None:
        """Retries are of another stream, of which no position is kept: they come again later."""
        for arrival in self._holding.give_up_again():
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.nak(RETRIED_AFTER)
