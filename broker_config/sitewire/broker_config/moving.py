"""A route that is given another place: its consumers begin anew, so that the new place is filled.

In two steps, because workers of the old place may be at work, and would take the history for what they have already:

1. Each consumer is marked: it is the new place's, and moving.
2. When no worker that lives delivers the route elsewhere, each is set back to the route's start, and the mark goes.

A worker joins before it reads the mark, and here the mark is stored before the workers are looked at: who joins later
reads it and pulls nothing, who has joined before is seen here and waited for. Whoever is killed between the steps
leaves a mark that the next one with the same file finds. The configuration of a consumer has no compare-and-set: two
with different files at the same instant are told apart by reading before each step, and by nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.jetstream_api import CONSUMER_MISSING, Json, ask_unless, send_consumer
from sitewire.broker_config.names import METRICS_STREAM, PARTITIONS, consumer_name
from sitewire.broker_config.places import in_the_way

SINK_KEY: Final = "sitewire.sink"
"""Metadata of a consumer: the identity of the sink that its acknowledgements are about."""

MOVING_KEY: Final = "sitewire.moving"
"""Metadata of a consumer: there if its acknowledgements are still about the place that the route had before."""


class Standing(Enum):
    """What a consumer, or a route, is to one place."""

    OURS = auto()
    """Its acknowledgements are about this place."""
    MOVING = auto()
    """They will be, when it has been set back."""
    ELSEWHERE = auto()
    """They are, or will be, about another."""


def standing_of(config: Json, sink: str) -> Standing:
    """Return what a consumer with this configuration is to a place."""
    metadata = config.get("metadata") or {}
    if metadata.get(SINK_KEY) != sink:
        return Standing.ELSEWHERE
    return Standing.MOVING if MOVING_KEY in metadata else Standing.OURS


def place_of(config: Json) -> str:
    """Return the identity of a consumer's place, for people."""
    return str((config.get("metadata") or {}).get(SINK_KEY))


def route_stands(consumers: Mapping[str, Json], route: str, sink: str) -> Standing:
    """Return what a route is to a place: as the worst of its consumers, by name in ``consumers``."""
    ours = (consumers.get(consumer_name(route, partition)) for partition in range(PARTITIONS))
    standings = {standing_of(config, sink) for config in ours if config is not None}
    return next((one for one in (Standing.ELSEWHERE, Standing.MOVING) if one in standings), Standing.OURS)


async def read_standing(client: Client, consumer: str, sink: str) -> Standing:
    """Ask for one consumer, what it is to a place; one that is not there is nobody's, so ours.

    Raises:
        BrokerError: no answer.
    """
    config = await _config(client, consumer)
    return Standing.OURS if config is None else standing_of(config, sink)


async def mark(client: Client, config: Json, sink: str) -> Json:
    """Give a consumer to another place, and mark it as moving; return what it is then.

    Raises:
        BrokerError: no answer, or a refusal.
    """
    metadata = {**(config.get("metadata") or {}), SINK_KEY: sink, MOVING_KEY: "yes"}
    return await send_consumer(client, METRICS_STREAM, {**config, "metadata": metadata}, "update")


async def set_back(
    client: Client, route: str, sink: str, partitions: Iterable[int], start: int, wanted: Callable[[int], Json]
) -> tuple[str, ...]:
    """Deliver marked partitions from the route's start on, unless workers of another place are in the way.

    Args:
        client: connected.
        route: the route's name.
        sink: the identity of its place.
        partitions: those that are marked.
        start: the stream sequence of the route's start.
        wanted: asked for what the configuration of a partition's consumer has to say.

    Returns:
        Who is in the way, for people; what is marked stays so.

    Raises:
        BrokerError: no answer, or a refusal.
    """
    for partition in partitions:
        if others := await in_the_way(client, route, sink):
            return others
        await _set_one_back(client, consumer_name(route, partition), sink, start, wanted(partition))
    return ()


async def _set_one_back(client: Client, consumer: str, sink: str, start: int, wanted: Json) -> None:
    if await read_standing(client, consumer, sink) is not Standing.MOVING:
        return  # somebody else did it, or has moved it on
    # The new place drops what it has already (ADR-60 of the NATS project).
    await ask_unless(client, f"CONSUMER.RESET.{METRICS_STREAM}.{consumer}", {"seq": start}, frozenset())
    config = await _config(client, consumer)
    if config is None or standing_of(config, sink) is not Standing.MOVING:
        return
    metadata = {key: value for key, value in config["metadata"].items() if key != MOVING_KEY}
    await send_consumer(client, METRICS_STREAM, {**config, **wanted, "metadata": metadata}, "update")


async def _config(client: Client, consumer: str) -> Json | None:
    answer = await ask_unless(client, f"CONSUMER.INFO.{METRICS_STREAM}.{consumer}", None, CONSUMER_MISSING)
    config: Json | None = answer["config"] if answer is not None else None
    return config
