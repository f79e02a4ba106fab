"""What the stream holds of a whole run, read beside the consumer of its partition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import mapped_errors
from sitewire.broker_config.leader import Behind, last_sequence
from sitewire.broker_config.names import METRICS_STREAM, consumer_name
from sitewire.broker_config.patterns import contains
from sitewire.broker_config.stored import Latest
from sitewire.broker_config.stretch import Stretch, read_stretch
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.subject import METRICS, RunKey
from sitewire.workers.arrival import Arrival, read

AT_A_TIME = 8  # messages decoded before the loop sees to others; a full one takes about 2 ms


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive messages of one run.

    Attributes:
        arrivals: those of the route that can be read; an unreadable one is reported by its consumer's delivery.
        next: the stream sequence to read on from.
    """

    arrivals: list[Arrival]
    next: int


class StoredRuns:
    """Reads runs from the stream as a route's consumer would bring them. Every method may raise ``BrokerError``.

    Args:
        client: connected.
        route: the route's name.
        partition: which.
    """

    def __init__(self, client: Client, route: str, partition: int) -> None:
        self._client = client
        self._consumer = consumer_name(route, partition)
        self._partition = partition

    async def filters(self) -> tuple[str, ...]:
        """Return the subjects that the route takes, as stored; an edit of the file moves them."""
        with mapped_errors():
            config = (await self._client.jsm().consumer_info(METRICS_STREAM, self._consumer)).config
        return tuple(config.filter_subjects or ())  # `broker_config.consumers` makes none without

    async def last(self, run: RunKey) -> int:
        """Return the sequence of a run's last message, whatever its class; 0 if there is none."""
        return await last_sequence(self._client, METRICS_STREAM, self._subjects(run))

    async def first(self, run: RunKey, start: int) -> Arrival | None:
        """Return the first readable message at or behind a sequence."""
        while True:
            heed_cancellation()
            stretch = await self._stretch(run, start, 1)
            async for arrival in _readable(stretch.messages):
                return arrival
            if not stretch.messages:
                return None
            start = stretch.messages[-1].sequence + 1

    async def read(self, run: RunKey, filters: Sequence[str], start: int, end: int, max_bytes: int) -> Passage:
        """Return what a run has from ``start`` on, as far as ``max_bytes`` go.

        Args:
            run: which.
            filters: the subjects that the route takes, as stored.
            start: the first stream sequence.
            end: the last one wanted.
            max_bytes: of all messages, whether the route takes them or not.
        """
        try:
            stretch = await self._stretch(run, start, max_bytes)
        except Behind:
            return Passage([], start)
        wanted = [item for item in stretch.messages if item.sequence <= end]
        taken = [item for item in wanted if any(contains(pattern, item.subject) for pattern in filters)]
        arrivals = [arrival async for arrival in _readable(taken)]
        done = stretch.at_end or len(wanted) < len(stretch.messages)
        return Passage(arrivals, end + 1 if done else wanted[-1].sequence + 1)

    async def _stretch(self, run: RunKey, start: int, max_bytes: int) -> Stretch:
        return await read_stretch(self._client, METRICS_STREAM, self._subjects(run), start, max_bytes)

    def _subjects(self, run: RunKey) -> str:
        return ".".join((METRICS, str(self._partition), *run.tokens, ">"))


async def _readable(messages: Iterable[Latest]) -> AsyncIterator[Arrival]:
    for number, item in enumerate(messages):
        if number % AT_A_TIME == 0:
            await asyncio.sleep(0)
        try:
            yield read(item.subject, item.sequence, item.data)
        except SchemaError:
            continue
