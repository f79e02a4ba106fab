"""Missing indexes: found in the stream, waited for, or declared gone.

A gap is final only when the stream has no cover for it and the writer's account says that the spool
cannot send it again. Then it is an ``expired`` hole, counted like everything else.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sitewire.schemas.envelope import Envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import RunKey
from sitewire.workers.arrival import Arrival
from sitewire.workers.stream import Stream

LOOK_AGAIN = 2.0  # seconds between two looks for the same missing indexes
MOST_FOUND = 4 * 1024 * 1024  # bytes at once; the rest is looked for when these are written
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
    """

    run: RunKey
    key: StreamKey
    first: int
    end: int
    subject: str
    after: int
    before: int


@dataclass(slots=True)
class _Search:
    """How far the stream has been read for what is missing from ``first`` on.

    Attributes:
        first: the first index that is missing.
        since: when that was first looked for.
        due: when to look again.
        seen: the stream sequence up to which nothing fills it any more.
    """

    first: int
    since: float
    due: float
    seen: int


class GapFiller:
    """Looks for missing indexes, not too often, and remembers since when they are missing."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._searches: dict[StreamKey, _Search] = {}

    def forget(self) -> None:
        """Search anew: after a reconnection the stream may be another, with other sequences."""
        self._searches.clear()

    async def fill(self, gap: Gap) -> list[Arrival]:
        """Return what fills a gap, wholly or in part; nothing if it is too early to say.

        Raises:
            BrokerError: the stream could not be read.
        """
        now = time.monotonic()
        search = self._searches.get(gap.key)
        if search is None or search.first != gap.first:
            search = self._searches[gap.key] = _Search(gap.first, now, now, gap.after - 1)
        if now < search.due:
            return []
        search.due = now + LOOK_AGAIN
        # The account first: what the spool had let go of by then is in the stream if it ever was.
        final = await self._is_final(gap, now - search.since)
        found = await self._read_on(gap, search)
        if found:
            search.due = now  # in part, perhaps
            return found
        if not final:
            return []
        del self._searches[gap.key]
        return [_expired(gap)]

    async def _read_on(self, gap: Gap, search: _Search) -> list[Arrival]:
        """Read to the end of the stream, not only up to what showed the gap: what is sent again lies behind."""
        found: list[Arrival] = []
        reached = gap.first
        async for arrival in self._stream.messages(gap.subject, search.seen + 1):
            search.seen = arrival.sequence
            if arrival.envelope.end > gap.first and arrival.envelope.first < gap.end:
                found.append(arrival)
                reached = max(reached, arrival.envelope.end) if arrival.envelope.first <= reached else reached
            if reached >= gap.end or sum(item.size for item in found) >= MOST_FOUND:
                break
        return found

    async def _is_final(self, gap: Gap, waited: float) -> bool:
        account = await self._stream.account(gap.run, gap.key.writer)
        if account is None:
            return waited >= UNACCOUNTED
        counts = account.classes.get(gap.key.record_class)
        if counts is None:
            return waited >= UNACCOUNTED
        # What the stream never acknowledged, a spool that is cut off still holds, however long that takes.
        unheard = not account.alive and waited >= UNHEARD and gap.end <= counts.published
        return counts.held >= gap.end or unheard


def _expired(gap: Gap) -> Arrival:
    hole = Hole(HoleName.EXPIRED, gap.first, gap.end - gap.first)
    envelope = Envelope(gap.key.writer, gap.key.record_class, gap.first, (), (hole,))
    return Arrival(gap.subject, gap.before, gap.run, envelope, 0, None)
