"""The loop that purges: what every route has committed goes once the stream is over its share, or when it is too old.

Why nothing goes that somebody needs, though needs are read first and the purge comes later:

- **Acknowledged meanwhile, parked meanwhile, stored meanwhile**: more is committed than was read, or it lies
  above what was the last sequence. Less is purged than could be.
- **A parked run that returns** between the two readings has committed all that its consumer had behind it: that is
  when its key goes. (Why consumers are read before the bucket, see ``read_needs``.)
- **A route that is made, or moved to another place** (its consumers go back to its start) gets the oldest that is
  kept. If the purge comes some milliseconds behind that, it is as if it had come before; what the route
  then finds gone is a named hole in its receipts.
- **A worker that was stopped** between the two would purge by what was true long ago. So the lease is asked last.
- **A broker that came back with another store** has other messages under the same numbers. A purge that waits in a
  client's buffer for a new connection would hit them. So this has a connection of its own, for one life of a link:
  what is read and what is purged is of one process of the server. (JetStream knows no condition for a purge.)
- **A leader that is none any more** answers with what was true before: see ``two_readings``.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.errors import BrokerError, BrokerTimeout, BrokerUnreachable, ConnectionLost
from sitewire.broker_config.jetstream_api import ask_unless
from sitewire.broker_config.model import Keep
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.workers.trimmer.age import first_younger_than
from sitewire.workers.trimmer.needs import Need, committed
from sitewire.workers.trimmer.policy import over_share
from sitewire.workers.trimmer.reading import StreamState, read_needs, read_state
from sitewire.workers.trimmer.retries import trim_retries
from sitewire.workers.trimmer.two_readings import TwoReadings

PERIOD: Final = 1.0  # seconds between two looks at how full it is: one request
RARELY: Final = 5.0  # seconds between two looks for what is too old, and at the retries
SOON: Final = 0.25  # seconds, while the stream is nearly full: publishers wait for the next look
COST: Final = 0.2  # of the time, at most, goes into looks when they come sooner
STUCK: Final = 5.0  # seconds without progress in a stream that is nearly full, until that is said
NEARLY_FULL: Final = 0.8
"""The share of the bound above which looks come sooner, and it is said who keeps the trimmer from making room."""

_logger = logging.getLogger("sitewire.worker")


class TrimState(StrEnum):
    """What the trimmer does, as far as a change is worth a line in the log."""

    KEEPING = "keeping"
    """Nothing has had to go yet."""
    TRIMMING = "trimming"
    """What is committed goes, now and then."""
    HELD = "held"
    """The stream is nearly full, and what would have to go is needed."""


class Trimmer:
    """Keeps room in the metrics stream.

    Args:
        endpoint: the broker.
        keep: what stays.
        left: asked for the seconds for which nobody else can have taken this work over.
        works: called when the broker has answered all that was asked.

    Attributes:
        state: what it does.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        keep: Keep,
        left: Callable[[], float] = lambda: math.inf,
        works: Callable[[], None] = lambda: None,
    ) -> None:
        self.state = TrimState.KEEPING
        self._endpoint = endpoint
        self._keep = keep
        self._left = left
        self._works = works
        self._client: Client | None = None
        self._rarely_due = -math.inf
        self._stuck_since = math.inf
        self._trouble = ""
        self._readings = TwoReadings()

    async def run(self, stop: asyncio.Event) -> None:
        """Look and purge until ``stop`` is set; a broker that is away is waited for."""
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._look_again_and_again(), name="trim the metrics stream")
            await stop.wait()
            looking.cancel()  # a purge that is on its way is of what was committed

    async def _look_again_and_again(self) -> None:
        try:
            while True:
                pause = await self.look()
                heed_cancellation()
                await asyncio.sleep(pause)
        finally:
            await self.close()

    async def look(self) -> float:
        """Look once, and purge what is to go and may; return the seconds until the next time."""
        began = time.monotonic()
        rarely = began >= self._rarely_due
        try:
            client = await self._connected()
            stream = await self._trim(client, by_age=rarely)
            if rarely:
                self._rarely_due = began + RARELY  # whatever becomes of the retries: the metrics do not wait for them
                await trim_retries(client)
        except BrokerError as error:
            self._say_once(error)
            await self.close()
            return RARELY
        self._trouble = ""
        self._works()
        if stream.fullness < NEARLY_FULL:
            return PERIOD
        return max(SOON, min((time.monotonic() - began) / COST, RARELY))

    async def _trim(self, client: Client, *, by_age: bool) -> StreamState:
        stream = await read_state(client)
        wanted = await self._wanted(client, stream, by_age=by_age)
        if wanted < stream.first or not stream.last:  # of a new stream both are 0
            self._note(stream, purged=False, need=None)
            return stream
        needs = await read_needs(client)
        most, began = self._agreed(stream, committed(needs, stream.last)), stream.first
        while stream.first <= min(wanted, most) and self._left() > 0:
            heed_cancellation()
            await _purge(client, min(wanted, most))
            stream = await read_state(client)
            wanted = await self._wanted(client, stream, by_age=by_age)
        need = needs[0] if needs and wanted >= stream.first else None
        self._note(stream, purged=stream.first > began, need=need)
        return stream

    def _agreed(self, stream: StreamState, most: int) -> int:
        return most if stream.replicas == 1 else self._readings.agreed(most, time.monotonic())

    async def _wanted(self, client: Client, stream: StreamState, *, by_age: bool) -> int:
        """Return up to which sequence messages are to go, if nobody needs them; below the first one for none."""
        wanted = over_share(stream, self._keep.share)
        if by_age and self._keep.hours is not None and stream.messages:
            young = await first_younger_than(client, self._keep.hours * 3600)
            wanted = max(wanted, stream.last if young is None else young - 1)
        return wanted

    def _note(self, stream: StreamState, *, purged: bool, need: Need | None) -> None:
        """Log what has changed: whether there is trimming at all, and whether somebody is in its way."""
        if stream.fullness < NEARLY_FULL or purged or need is None:
            self._stuck_since = math.inf
        else:
            self._stuck_since = min(self._stuck_since, time.monotonic())
        if need is not None and time.monotonic() - self._stuck_since >= STUCK:
            self._enter(TrimState.HELD, f"the metrics stream is {stream.fullness:.0%} full, and held by {need}")
        elif self.state is TrimState.HELD and stream.fullness < NEARLY_FULL:
            self._enter(TrimState.TRIMMING, "the metrics stream has room again")
        elif self.state is TrimState.KEEPING and purged:
            self._enter(TrimState.TRIMMING, f"what every route has committed goes, the oldest first: {self._kept}")

    def _enter(self, state: TrimState, text: str) -> None:
        if state is not self.state:
            self.state = state
            _logger.log(logging.WARNING if state is TrimState.HELD else logging.INFO, "%s", text)

    @property
    def _kept(self) -> str:
        hours = "" if self._keep.hours is None else f" and {self._keep.hours:g} h"
        return f"{self._keep.share:.0%} of the bound{hours} stay"

    async def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            await self.close()
            self._readings.forget()
            self._client = await connect(self._endpoint, name="sitewire trimmer", comes_back=False)
        return self._client

    async def close(self) -> None:
        """Let go of the connection; the next look makes another."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _say_once(self, error: BrokerError) -> None:
        # That the broker is away, the worker says; that it refuses us this, only we know.
        if type(error).__name__ != self._trouble:
            self._trouble = type(error).__name__
            away = isinstance(error, (BrokerUnreachable, BrokerTimeout, ConnectionLost))
            _logger.log(logging.INFO if away else logging.WARNING, "the metrics stream is not trimmed now: %s", error)


async def _purge(client: Client, upto: int) -> None:
    """Remove all messages up to a sequence, that one included.

    Raises:
        BrokerError: not done, or not known to be.
    """
    await ask_unless(client, f"STREAM.PURGE.{METRICS_STREAM}", {"seq": upto + 1}, frozenset())
