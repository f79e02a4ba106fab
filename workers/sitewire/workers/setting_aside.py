"""Messages of a partition that cannot be read: into the dead letters, each before it is terminated."""

from __future__ import annotations

import logging
import time
from typing import Final

from nats.aio.msg import Msg

from sitewire.broker_config.consumers import MAX_ACK_PENDING
from sitewire.broker_config.errors import BrokerError, StreamFull, mapped_errors
from sitewire.schemas.errors import SchemaError, SubjectError
from sitewire.workers.arrival import sound
from sitewire.workers.dead_letters import DeadLetters
from sitewire.workers.point import Point, reached
from sitewire.workers.suspicions import Unreadable

MOST_SAID: Final = 100  # subjects whose unreadable messages are named in the log
MOST_WAITING: Final = MAX_ACK_PENDING // 4
"""Messages that wait for room in the dead letters. The server gives no others once too many are not acknowledged."""

MOST_KNOWN: Final = 4096  # messages that are kept and may come again
WAIT_AT_MOST = 600.0
"""Seconds for which one waits for room. As long as it does, nothing behind it goes from the stream, for all sites."""

AGAIN_AFTER = 5.0  # seconds until a message that could not be kept comes again
AGAIN_WITHOUT_ROOM = 20.0  # the same while there is no room: thousands may wait
NO_ROOM = 1.0  # seconds for which nobody asks again whether there is room: it takes a round trip each

_logger = logging.getLogger("sitewire.worker")


class SettingAside:
    """Keeps what cannot be read, and says so.

    Args:
        route: the route's name.
        letters: its dead letters.
    """

    def __init__(self, route: str, letters: DeadLetters) -> None:
        self._route = route
        self._letters = letters
        self._said: set[str] = set()
        self._waiting: dict[int, float] = {}  # since when
        self._kept: dict[int, None] = {}
        self._let_go = 0
        self._full: StreamFull | None = None
        self._full_until = 0.0

    def forget(self) -> None:
        """After a reconnection the stream may be another, with other sequences."""
        self._waiting.clear()
        self._kept.clear()
        self._full = None

    async def keep(self, message: Msg, error: SchemaError) -> Unreadable | None:
        """Publish the letter; return what is to be looked into before the message is terminated, if anything is.

        Raises:
            BrokerError: the connection is closed.
        """
        self._say(message.subject, error)
        sequence = message.metadata.sequence.stream
        if not await self._publish(message, sequence, error):
            with mapped_errors():
                await message.nak(delay=AGAIN_AFTER if self._full is None else AGAIN_WITHOUT_ROOM)
            return None
        reached(Point.MESSAGE_KEPT)
        message.data = b""  # it may be held for long, and so may many others
        try:
            subject = sound(message.subject)
        except SubjectError:  # nobody's indexes
            with mapped_errors():
                await message.term()
            return None
        return Unreadable(message.subject, sequence, subject, message)

    async def _publish(self, message: Msg, sequence: int, error: SchemaError) -> bool:
        """Whether the message needs not come again."""
        if sequence in self._kept:
            return True  # it waits for a verdict and was delivered again
        if self._full is not None and time.monotonic() < self._full_until:
            return self._without_room(sequence, self._full)
        try:
            await self._letters.keep(message.subject, sequence, message.data, error)
        except BrokerError as failure:
            self._full = failure if isinstance(failure, StreamFull) else None
            self._full_until = time.monotonic() + NO_ROOM
            return self._without_room(sequence, failure)
        self._full = None
        self._waiting.pop(sequence, None)
        self._kept[sequence] = None
        if len(self._kept) > MOST_KNOWN:
            del self._kept[next(iter(self._kept))]
        return True

    def _without_room(self, sequence: int, failure: BrokerError) -> bool:
        since = self._waiting.setdefault(sequence, time.monotonic())
        overdue = isinstance(failure, StreamFull) and time.monotonic() >= since + WAIT_AT_MOST
        if len(self._waiting) <= MOST_WAITING and not overdue:
            if len(self._waiting) == 1:
                _logger.error("route %s: a message that cannot be read cannot be kept either: %s", self._route, failure)
            return False
        # Rather than all that is behind: its bytes stay in the stream, and its indexes become a hole with a name.
        del self._waiting[sequence]
        self._let_go += 1
        if self._let_go & (self._let_go - 1) == 0:  # 1, 2, 4: whoever may publish can send a hundred thousand
            said = "route %s: message %d of the stream cannot be read and is not kept; so far these are %d"
            _logger.error(said, self._route, sequence, self._let_go)
        return True

    def _say(self, subject: str, error: SchemaError) -> None:
        if subject not in self._said and len(self._said) < MOST_SAID:
            self._said.add(subject)
            _logger.error("route %s: a message under %s is not an envelope: %s", self._route, subject, error)
