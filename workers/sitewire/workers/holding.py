"""The messages of one run that are here and not acknowledged."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from sitewire.broker_config.errors import mapped_errors
from sitewire.schemas.receipt import StreamKey
from sitewire.workers.arrival import Arrival

AT_A_TIME = 256 * 1024
"""Bytes of messages written at once: an attempt takes tens of milliseconds then, and one that lasts hangs."""


class Holding:
    """What came, what is in work, and the one message that waits for its receipt.

    The consumer's ``max_ack_pending`` bounds how many there can be, the partition's room how many bytes.

    Attributes:
        came: set when a message comes.
        held: in work: not committed, or waiting for what is missing.
        held_size: bytes of these, without retries.
        last: per numbering, the stream sequence of the last message that is committed, none before it waiting.
        next: per numbering, the index behind the last that is committed.
    """

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.held: Sequence[Arrival] = ()
        # Sizes and numbers are counted along: each message that comes asks for those of all runs.
        self.held_size = self._held_count = 0
        self.last: dict[StreamKey, int] = {}
        self.next: dict[StreamKey, int] = {}
        self._inbox: deque[Arrival] = deque()
        self._inbox_size = 0
        self._again: list[Arrival] = []  # retries: of another stream, never acknowledged unread
        self._kept: list[Arrival] = []

    @property
    def size(self) -> int:
        """Bytes of the messages that are here and not committed, without retries."""
        return self._inbox_size + self.held_size

    @property
    def again_size(self) -> int:
        """Bytes of the retries that are here and not committed."""
        return sum(arrival.size for arrival in (*self._again, *self.held) if arrival.again)

    @property
    def unread(self) -> Collection[Arrival]:
        """What has come of the metrics and is not in work yet."""
        return self._inbox

    @property
    def unread_size(self) -> int:
        """Bytes of all that has come and is not in work yet, retries too."""
        return self._inbox_size + sum(arrival.size for arrival in self._again)

    @property
    def count(self) -> int:
        """The number of messages that are here and not committed, without retries."""
        return len(self._inbox) + self._held_count

    @property
    def waits(self) -> bool:
        """Whether anything has come that is not in work yet."""
        return bool(self._inbox or self._again)

    @property
    def here(self) -> list[Arrival]:
        """What is not committed of the metrics."""
        return [*self._inbox, *(arrival for arrival in self.held if not arrival.again)]

    def put(self, arrival: Arrival) -> None:
        """Take a message."""
        if arrival.again:
            self._again.append(arrival)
        else:
            self._inbox.append(arrival)
            self._inbox_size += arrival.size
        self.came.set()

    def take(self) -> None:
        """Have what came in work, as far as it is written at once."""
        size = sum(arrival.size for arrival in self._again)
        taken, self._again = self._again, []
        while self._inbox and size < AT_A_TIME:
            arrival = self._inbox.popleft()
            self._inbox_size -= arrival.size
            size += arrival.size
            taken.append(arrival)
        self.hold(taken)

    def hold(self, arrivals: Iterable[Arrival]) -> None:
        """Have more in work."""
        self._have_in_work([*self.held, *arrivals])

    def drop(self) -> None:
        """Forget what is in work: it is read again."""
        self._have_in_work([])

    def take_back(self) -> None:
        """Have nothing in work."""
        self._inbox_size += self.held_size
        self._inbox.extendleft(arrival for arrival in reversed(self.held) if not arrival.again)
        self._again = [arrival for arrival in self.held if arrival.again] + self._again
        self.drop()

    def give_up(self, sequence: int) -> list[Arrival]:
        """Return what is not in work and lies at or behind a stream sequence, and hold it no more."""
        given = [arrival for arrival in self._inbox if arrival.sequence >= sequence]
        self._inbox = deque(arrival for arrival in self._inbox if arrival.sequence < sequence)
        self._inbox_size -= sum(arrival.size for arrival in given)
        return given

    def give_up_again(self) -> list[Arrival]:
        """Return the retries that are not in work, and hold them no more."""
        given, self._again = self._again, []
        return given

    def settle(self, upto: Mapping[StreamKey, int]) -> list[Arrival]:
        """Return what is committed, and hold it no more.

        Args:
            upto: per numbering, the next index expected.
        """
        done = [arrival for arrival in self.held if arrival.envelope.end <= upto[arrival.key]]
        self._have_in_work([arrival for arrival in self.held if arrival.envelope.end > upto[arrival.key]])
        lowest: dict[StreamKey, int] = {}
        for arrival in self.held:
            lowest[arrival.key] = min(lowest.get(arrival.key, arrival.sequence), arrival.sequence)
        for arrival in done:
            self.next[arrival.key] = upto[arrival.key]
            # What was sent again lies behind those that wait: what they lack may lie before them.
            if arrival.sequence <= lowest.get(arrival.key, arrival.sequence):
                self.last[arrival.key] = max(self.last.get(arrival.key, 0), arrival.sequence)
        return done

    async def acknowledge(self, done: Iterable[Arrival], *, keep_last: bool) -> None:
        """Acknowledge what is committed; the last one only when its receipt is out.

        Its coming again brings the run back, and with it the receipt, should this process die before.

        Raises:
            BrokerError: the connection is closed.
        """
        waiting = [*self._kept, *(arrival for arrival in done if arrival.message is not None)]
        self._kept = waiting[-1:] if keep_last else []
        for arrival in waiting[: len(waiting) - len(self._kept)]:
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.ack()

    async def keep_alive(self) -> None:
        """Tell the server that the messages here are worked on, so that it does not deliver them again.

        Raises:
            BrokerError: the connection is closed.
        """
        for arrival in self._all():
            if arrival.message is not None:
                with mapped_errors():
                    await arrival.message.in_progress()

    def _have_in_work(self, arrivals: Sequence[Arrival]) -> None:
        self.held = arrivals
        sizes = [arrival.size for arrival in arrivals if not arrival.again]
        self.held_size, self._held_count = sum(sizes), len(sizes)

    def _all(self) -> Iterator[Arrival]:
        yield from (*self._inbox, *self._again, *self.held, *self._kept)
