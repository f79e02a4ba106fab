"""Unreadable messages of a run that may have been the last of their numbering: nothing behind shows what is missing.

Such a message is not terminated before that is known, so that a next owner gets it too. One of a numbering is
enough: what lies between two of them the later one's search finds.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from nats.aio.msg import Msg

from sitewire.broker_config.errors import mapped_errors
from sitewire.schemas.account import Account
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers import gaps
from sitewire.workers.arrival import Arrival
from sitewire.workers.gaps import Gap
from sitewire.workers.route_context import RouteContext

MOST = 100  # of one run; what is more is terminated at once, and found when a later message shows the gap

Positions = Callable[[str], Awaitable[Mapping[StreamKey, Position]]]
"""Opens the run, of an experiment, in the sink, and returns what is committed."""

Fill = Callable[[Gap], Awaitable[list[Arrival]]]
"""Finds what stands in the place of missing indexes."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that cannot be read, under a subject that can.

    Attributes:
        stored: the subject, as the stream stores it.
        sequence: in the stream.
        subject: the same, read.
        message: to be terminated.
    """

    stored: str
    sequence: int
    subject: Subject
    message: Msg
    since: float = field(default_factory=time.monotonic)

    @property
    def key(self) -> StreamKey:
        """The numbering that its indexes belong to."""
        return StreamKey(self.subject.writer, self.subject.record_class)


class Suspicions:
    """Those of one run. Methods may raise ``BrokerError``; what they were about stays.

    Args:
        run: which.
        context: of its partition.
        positions: opens the run in the sink.
        fill: finds what is missing.
    """

    def __init__(self, run: RunKey, context: RouteContext, positions: Positions, fill: Fill) -> None:
        self._run = run
        self._context = context
        self._positions = positions
        self._fill = fill
        self._last: dict[StreamKey, Unreadable] = {}
        self._done: list[Msg] = []
        self._due = 0.0

    @property
    def count(self) -> int:
        """How many messages are not terminated."""
        return len(self._last) + len(self._done)

    def add(self, unreadable: Unreadable) -> None:
        """Look into a message from now on."""
        self._due = 0.0
        if len(self._last) >= MOST and unreadable.key not in self._last:
            self._done.append(unreadable.message)
            return
        earlier = self._last.get(unreadable.key)
        if earlier is None or earlier.sequence < unreadable.sequence:
            self._last[unreadable.key] = unreadable
            if earlier is not None:
                self._done.append(earlier.message)
        elif earlier.sequence == unreadable.sequence:
            self._last[unreadable.key] = unreadable  # delivered again: its earlier copy is not ours to terminate
        else:
            self._done.append(unreadable.message)

    async def look(self, busy: Collection[StreamKey], after: Callable[[StreamKey], int]) -> list[Arrival]:
        """Terminate what is explained; return what stands in the place of indexes that are gone.

        Args:
            busy: numberings of which messages are in work: these are first, or show what is missing.
            after: the stream sequence behind a numbering's last committed message.
        """
        found: list[Arrival] = []
        if time.monotonic() < self._due:
            return found
        self._due = time.monotonic() + gaps.LOOK_AGAIN
        for key, unreadable in list(self._last.items()):
            if key in busy:
                continue
            gap = await self._gap(unreadable, after(key))
            if gap is not None:
                found += await self._fill(gap)
        await self._terminate()
        return found

    async def keep_alive(self) -> None:
        """Tell the server that these are worked on."""
        await self._terminate()  # of a parked run nobody looks, and they would come again and again
        for unreadable in list(self._last.values()):
            with mapped_errors():
                await unreadable.message.in_progress()

    async def _gap(self, unreadable: Unreadable, after: int) -> Gap | None:
        """Return what is missing for certain; a message that leaves nothing missing is done."""
        account = await self._context.stream.account(self._run, unreadable.subject.writer)
        counts = account.classes.get(unreadable.subject.record_class) if account is not None else None
        if await self._is_followed(unreadable):
            self._explained(unreadable)  # by that one, when its consumer brings it
            return None
        if account is None or counts is None:
            if time.monotonic() - unreadable.since >= gaps.UNACCOUNTED:
                self._explained(unreadable)  # it was nobody's
            return None
        first = await self._next(unreadable.key, account)
        if first is not None and counts.published > first:
            key, end, stored = unreadable.key, counts.published, unreadable.stored
            return Gap(self._run, key, first, end, stored, after, unreadable.sequence, last=True)
        if first is None or (not account.alive and counts.assigned <= first):
            self._explained(unreadable)
        return None  # or the account is older than the message

    async def _is_followed(self, unreadable: Unreadable) -> bool:
        async for _ in self._context.stream.messages(unreadable.stored, unreadable.sequence + 1):
            return True
        return False

    async def _next(self, key: StreamKey, account: Account) -> int | None:
        """Return the next index expected; None where a route that begins in the middle has nothing of a numbering."""
        position = (await self._positions(account.experiment)).get(key)
        if position is not None:
            return position.next
        return 0 if self._context.start is None else None

    def _explained(self, unreadable: Unreadable) -> None:
        if self._last.get(unreadable.key) is unreadable:
            del self._last[unreadable.key]
            self._done.append(unreadable.message)

    async def _terminate(self) -> None:
        while self._done:
            message = self._done.pop()  # if that fails it comes again
            with mapped_errors():
                await message.term()
