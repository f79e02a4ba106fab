"""Missing indexes: found in the stream, waited for, or declared gone.

A gap is final only when the stream has no cover for it at two looks, and the writer's account says that the spool
cannot send it again; or, where a route is new to a numbering, that all of it was stored, and the stream has been
trimmed. Then it is an ``expired`` hole, counted like everything else. Where the stream has a message in its
place that cannot be read, it is a ``damaged`` one, as soon as the account says that all of it was stored.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sitewire.schemas.envelope import Envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.retry import retry_of
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.dead_letters import DeadLetters
from sitewire.workers.point import Point, reached
from sitewire.workers.stream import Stream

LOOK_AGAIN = 2.0  # seconds between two looks for the same missing indexes
MOST_FOUND = 4 * 1024 * 1024  # bytes at once; the rest is looked for when these are written
TRIMMED = 4.0  # seconds: a publisher that finds its broker without what it had stored sends it again within these
UNACCOUNTED = 30.0  # seconds after which a writer without an account is not waited for any more
UNHEARD = 900.0  # seconds after a dead writer's end until its spool is past the time that it is kept


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing indexes of one numbering.

    Attributes:
        run: whose they are.
        key: the numbering.
        first: the first that is missing.
        end: the index behind the last.
        subject: as stored.
        after: the stream sequence behind the last message of the numbering that was committed.
        before: the stream sequence of the message that showed the gap.
        new: nothing of the numbering is committed yet.
        last: nothing behind shows it: an unreadable message may have been the last of its numbering.
    """

    run: RunKey
    key: StreamKey
    first: int
    end: int
    subject: str
    after: int
    before: int
    new: bool = False
    last: bool = False


@dataclass(slots=True)
class _Search:
    """How far the stream has been read for what is missing from ``first`` on.

    Attributes:
        first: the first index that is missing.
        since: when that was first looked for.
        due: when to look again.
        seen: the stream sequence up to which nothing fills it any more.
        below: the last readable message that was seen lies below what is missing.
        unread: behind that one there was an unreadable one.
        torn: such a one lies in the place of what is missing.
        given_up: at the look before, the account said already that it will not come again.
    """

    first: int
    since: float
    due: float
    seen: int
    below: bool = True
    unread: bool = False
    torn: bool = False
    given_up: bool = False

    def passed(self, sequence: int) -> None:
        """Note an unreadable message."""
        self.seen = sequence
        self.unread = self.unread or self.below

    def met(self, arrival: Arrival, gap: Gap) -> None:
        """Note a readable message."""
        self.seen = arrival.sequence
        self.torn = self.torn or (self.unread and arrival.envelope.first >= gap.end)
        self.below, self.unread = arrival.envelope.end <= gap.first, False


class GapFiller:
    """Looks for missing indexes, not too often, and remembers since when they are missing.

    Args:
        stream: what the broker stores.
        letters: where holes are noted that unreadable messages have left, before anybody counts them.
    """

    def __init__(self, stream: Stream, letters: DeadLetters) -> None:
        self._stream = stream
        self._letters = letters
        self._searches: dict[tuple[RunKey, StreamKey], _Search] = {}  # two runs may name one writer

    def forget(self) -> None:
        """Search anew: after a reconnection the stream may be another, with other sequences."""
        self._searches.clear()

    async def fill(self, gap: Gap) -> list[Arrival]:
        """Return what fills a gap, wholly or in part; nothing if it is too early to say.

        Raises:
            BrokerError: the stream could not be read, or a hole not be noted.
        """
        now = time.monotonic()
        search = self._searches.get((gap.run, gap.key))
        if search is None or search.first != gap.first:
            search = self._searches[gap.run, gap.key] = _Search(gap.first, now, now, gap.after - 1)
        if now < search.due:
            return []
        search.due = now + LOOK_AGAIN
        # The account first: what the spool had let go of by then is in the stream if it ever was.
        fate = await self._fate(gap, now - search.since)
        given_up, search.given_up = search.given_up, fate.final
        found = await self._read_on(gap, search)
        if found:
            search.due = now  # in part, perhaps
            return found
        if (
            gap.new
            and fate.stored
            and now - search.since >= TRIMMED
            and await self._stream.first_sequence() > gap.after
        ):
            given_up, fate = True, _Fate(final=True, stored=True)  # the oldest that is kept begins behind it
        hole = _hole(gap, search, fate, given_up=given_up)
        if hole is None:
            return []
        if hole.name is HoleName.DAMAGED:
            await self._letters.note(gap.run, gap.key, hole)
            reached(Point.HOLE_NOTED)
        del self._searches[gap.run, gap.key]
        return [_empty(gap, hole)]

    async def _read_on(self, gap: Gap, search: _Search) -> list[Arrival]:
        """Read to the end of the stream, not only up to what showed the gap: what is sent again lies behind."""
        found: list[Arrival] = []
        reached = gap.first
        async for arrival in self._stream.messages(gap.subject, search.seen + 1, unreadable=search.passed):
            if arrival.key != gap.key:
                continue  # retries of all writers come under one subject, those for another place too
            search.met(arrival, gap)
            if arrival.envelope.end > gap.first and arrival.envelope.first < gap.end:
                found.append(arrival)
                reached = max(reached, arrival.envelope.end) if arrival.envelope.first <= reached else reached
            if reached >= gap.end or sum(item.size for item in found) >= MOST_FOUND:
                break
        return found

    async def _fate(self, gap: Gap, waited: float) -> _Fate:
        if retry_of(gap.key.writer) is not None:
            return _Fate(final=True, stored=True)  # who sends them sends them in their order, and only once
        account = await self._stream.account(gap.run, gap.key.writer)
        counts = account.classes.get(gap.key.record_class) if account is not None else None
        if account is None or counts is None:
            return _Fate(final=waited >= UNACCOUNTED, stored=False)
        # What the stream never acknowledged, a spool that is cut off still holds, however long that takes.
        stored = gap.end <= counts.published
        unheard = not account.alive and waited >= UNHEARD and stored
        return _Fate(counts.held >= gap.end or unheard, stored)


@dataclass(frozen=True, slots=True)
class _Fate:
    """What a writer's account says of missing indexes.

    Attributes:
        final: they will not come again.
        stored: the stream has acknowledged all of them.
    """

    final: bool
    stored: bool


def _hole(gap: Gap, search: _Search, fate: _Fate, *, given_up: bool) -> Hole | None:
    torn = search.torn or (gap.last and search.unread)
    if torn and (fate.stored or fate.final):
        return Hole(HoleName.DAMAGED, gap.first, gap.end - gap.first)
    # Two looks: a leader that was stopped, and is none any more, may have answered one of them with what it had before.
    expired = fate.final and given_up and not gap.last
    return Hole(HoleName.EXPIRED, gap.first, gap.end - gap.first) if expired else None


def _empty(gap: Gap, hole: Hole) -> Arrival:
    envelope = Envelope(gap.key.writer, gap.key.record_class, gap.first, (), (hole,))
    return Arrival(gap.subject, gap.before, gap.run, envelope, 0, None)
