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


class GapFiller:
    """Looks for missing indexes, not too often, and remembers since when they are missing."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._since: dict[tuple[StreamKey, int], float] = {}
        self._looked: dict[StreamKey, float] = {}

    async def fill(self, gap: Gap) -> list[Arrival]:
        """Return what fills a gap, wholly or in part; nothing if it is too early to say.

        Raises:
            BrokerError: the stream could not be read.
        """
        now = time.monotonic()
        if now - self._looked.get(gap.key, -LOOK_AGAIN) < LOOK_AGAIN:
            return []
        self._looked[gap.key] = now
        found = [
            arrival
            async for arrival in self._stream.messages(gap.subject, gap.after, gap.before)
            if arrival.envelope.end > gap.first and arrival.envelope.first < gap.end
        ]
        if found:
            return found
        since = self._since.setdefault((gap.key, gap.first), now)
        if not await self._is_final(gap, now - since):
            return []
        del self._since[gap.key, gap.first]
        return [_expired(gap)]

    async def _is_final(self, gap: Gap, waited: float) -> bool:
        account = await self._stream.account(gap.run, gap.key.writer)
        if account is None:
            return waited >= UNACCOUNTED
        counts = account.classes.get(gap.key.record_class)
        if counts is None:
            return waited >= UNACCOUNTED
        return counts.held >= gap.end or (not account.alive and waited >= UNHEARD)


def _expired(gap: Gap) -> Arrival:
    hole = Hole(HoleName.EXPIRED, gap.first, gap.end - gap.first)
    envelope = Envelope(gap.key.writer, gap.key.record_class, gap.first, (), (hole,))
    return Arrival(gap.subject, gap.before, gap.run, envelope, 0, None)
