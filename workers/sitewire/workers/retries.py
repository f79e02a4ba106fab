"""What is sent again to one partition of a route: pulled beside its metrics, handed out to the same runs."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError, mapped_errors
from sitewire.broker_config.names import RETRIES_STREAM, retry_consumer_name
from sitewire.schemas.errors import SchemaError
from sitewire.workers.arrival import Arrival, arrive_again
from sitewire.workers.fence import Fence
from sitewire.workers.ownership.unit import Hold
from sitewire.workers.pull import Pull

FETCH_LIMIT = 8  # messages decoded before the loop sees to others
SAID_AFTER = 3  # failures

_logger = logging.getLogger("sitewire.worker")


class Retries:
    """Pulls the retries of one partition.

    Args:
        client: connected.
        route: the route's name.
        partition: which.
        sink: the identity of the place: what another one had refused is none of ours.
        hold: the lease that the partition is owned under.
        generation: asked for a number that rises with each connection.
        fence: asked after each connection whether the route is delivered to the place.
    """

    def __init__(
        self,
        client: Client,
        route: str,
        partition: int,
        sink: str,
        hold: Hold,
        generation: Callable[[], int],
        fence: Fence | None = None,
    ) -> None:
        self._client = client
        self._route = route
        self._partition = partition
        self._consumer = retry_consumer_name(route, partition)
        self._sink = sink
        self._hold = hold
        self._generation = generation
        self._fence = fence
        self._said: set[str] = set()

    async def run(self, room: Callable[[], Awaitable[None]], hand_out: Callable[[Arrival], None]) -> None:
        """Hand out what comes; for ever.

        Args:
            room: waits until more can be taken.
            hand_out: takes it; what it does not acknowledge comes again.

        Raises:
            RouteMoved: the route is another place's.
            BrokerError: the connection is closed.
        """
        backoff = Backoff(first=0.5, most=10.0)
        for failures in itertools.count(1):
            heed_cancellation()
            try:
                await self._fetch(room, hand_out)
            except BrokerError as error:
                if self._client.is_closed:
                    raise
                if failures == SAID_AFTER:  # what concerns all of the broker, the metrics' pull has said by then
                    self._say(f"partition {self._partition}, its retries: {error}; trying again")
            await backoff.pause()

    async def _fetch(self, room: Callable[[], Awaitable[None]], hand_out: Callable[[Arrival], None]) -> None:
        async with Pull(self._client, RETRIES_STREAM, self._consumer, self._hold.left).subscribed() as pull:
            generation = -1
            while True:
                heed_cancellation()
                if generation != self._generation():
                    generation = self._generation()
                    await self._stay_inside()
                    await self._reset()
                await room()
                for message in await pull.fetch(FETCH_LIMIT):
                    await self._take(message, hand_out)

    async def _stay_inside(self) -> None:
        if self._fence is not None:
            await self._fence.check()

    async def _reset(self) -> None:
        with mapped_errors():
            await self._client.jsm().reset_consumer(RETRIES_STREAM, self._consumer)
        heed_cancellation()

    async def _take(self, message: Msg, hand_out: Callable[[Arrival], None]) -> None:
        try:
            retry, arrival = arrive_again(message)
        except SchemaError as error:
            # Not terminated: its letters are gone. It comes again, perhaps to a worker that can read it.
            self._say(f"a retry under {message.subject} cannot be read: {error}")
            return
        if retry.sink != self._sink:
            await self._stay_inside()  # it may be for the place that the route moves to: not ours to drop
            with mapped_errors():
                await message.ack()
            return
        hand_out(arrival)

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            _logger.warning("route %s: %s", self._route, text)
