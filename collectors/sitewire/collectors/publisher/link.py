"""The connection to the broker, as drains see it: publish one message, know when the broker went away.

nats-py's ``publish_async`` futures have no timeout and are lost on a disconnect (measured), so every
message here is a request with a deadline of its own, and whoever sends it sends it again.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

import nats.errors
from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.connection import Endpoint, EventKind, connect
from sitewire.broker_config.errors import BrokerBusy, BrokerError, Conflict, mapped_errors

ACK_TIMEOUT = 3.0  # seconds until a message without an acknowledgement is sent again, on a link that is fast enough
MOST_PATIENCE = 60.0  # seconds, on one that is not; a link that carries nothing at all is given up before that
_EXPECTED = "Nats-Expected-Last-Subject-Sequence"  # ADR-4 of the NATS project
_LAST = re.compile(r"wrong last sequence: (\d+)")  # the server says it in words only

_logger = logging.getLogger("sitewire.publisher")
_said: dict[str, set[str]] = {}
"""The troubles of each broker that this process, or the one that it was forked from, has logged: a DataLoader makes new
children for each epoch, and they would all say again that the broker is away."""


class WrongSequence(Exception):
    """The subject's last message is not the expected one.

    Attributes:
        found: its sequence; 0 when there is none.
    """

    def __init__(self, found: int) -> None:
        super().__init__(f"the subject's last sequence is {found}")
        self.found = found


class Link:
    """A connection that is there or coming back.

    Attributes:
        generation: rises with each connection: what was known of the broker's store may be wrong.
        refused: whether the last attempt to connect failed, so that waiting is in vain for now.
    """

    def __init__(self, endpoint: Endpoint, name: str) -> None:
        self.generation = 0
        self.refused = False
        self._endpoint = endpoint
        self._name = name
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._closed = asyncio.Event()
        self._returned = asyncio.Event()
        self._patience = ACK_TIMEOUT

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect in the background for as long as the block runs, then close.

        Publishing waits until there is a connection.
        """
        async with asyncio.TaskGroup() as group:
            connecting = group.create_task(self._connect(), name="connect to the broker")
            try:
                yield
            finally:
                connecting.cancel()
                if self._client is not None:
                    await self._client.close()

    async def publish(self, subject: str, payload: bytes, *, expected: int | None = None) -> int:
        """Store one message and return its stream sequence.

        Args:
            subject: where to.
            payload: the message.
            expected: the sequence that the subject's last message must have, or no such demand.

        Raises:
            WrongSequence: ``expected`` is not met.
            BrokerError: not stored, or not known to be (temporary); or refused for good (permanent).
        """
        client = await self._ready()
        headers = None if expected is None else {_EXPECTED: str(expected)}
        try:
            with mapped_errors(), self._learning() as patience:
                ack = await client.jetstream().publish(subject, payload, timeout=patience, headers=headers)
        except Conflict as error:
            found = _LAST.search(str(error))
            if found is None:  # a cluster has another one on its way
                raise BrokerBusy(str(error)) from error
            raise WrongSequence(int(found[1])) from error
        return ack.seq

    async def pause(self, backoff: Backoff) -> None:
        """Wait before another attempt, but no longer than until there is another connection."""
        with suppress(TimeoutError):
            async with asyncio.timeout(backoff.draw()):
                await self._returned.wait()

    @contextmanager
    def _learning(self) -> Iterator[float]:
        """Give how long to wait for an acknowledgement, in seconds, and learn how long it takes here.

        What is sent again too soon makes a slow link slower, until all that it carries comes in vain: with four
        writers whose envelopes take five times as long as they are waited for, nothing was ever acknowledged.
        """
        generation, sent, patience = self.generation, time.monotonic(), self._patience
        try:
            yield patience
        except nats.errors.TimeoutError:
            if generation == self.generation and self._up.is_set():
                # Of what was waited for at the same time, all together double it once.
                self._patience = max(self._patience, min(patience * 2, MOST_PATIENCE))
            raise
        self._patience = max(ACK_TIMEOUT, min(2 * (time.monotonic() - sent), MOST_PATIENCE))

    def say_once(self, message: str) -> None:
        """Log a trouble the first time that it comes up; ``_back`` forgets it."""
        said = _said.setdefault(self._endpoint.url, set())
        if message not in said:
            said.add(message)
            _logger.warning("sitewire: %s", message)

    async def _ready(self) -> Client:
        while self._client is None or not self._up.is_set():
            await self._up.wait()
        return self._client

    async def _connect(self) -> None:
        while True:
            self._closed.clear()
            self._client = await self._dial()
            self._back()
            await self._closed.wait()  # by the server, for a reason that it names: nats-py does not come back then

    async def _dial(self) -> Client:
        backoff = Backoff(first=0.25, most=5.0)
        while True:
            heed_cancellation()
            try:
                return await connect(self._endpoint, name=self._name, on_event=self._on_event)
            except BrokerError as error:
                # A wrong URL or wrong credentials too: nothing here can mend them, but the operator may, any time.
                self.refused = True
                self.say_once(f"{error}; records wait in the spool")
                await backoff.pause()

    def _on_event(self, kind: EventKind, text: str) -> None:
        if kind == "reconnected":
            self._back()
        elif kind == "error":
            self.say_once(f"the broker: {text}; records wait in the spool until it has them")
        elif kind in {"disconnected", "closed"}:
            self._up.clear()
            if kind == "closed":
                self._closed.set()

    def _back(self) -> None:
        self.generation += 1
        self.refused = False
        _said.pop(self._endpoint.url, None)
        self._up.set()
        self._returned.set()
        self._returned = asyncio.Event()
