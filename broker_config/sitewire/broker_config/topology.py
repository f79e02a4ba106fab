"""What the broker has to hold for a config file, and making it so.

Streams, buckets, and, per route and partition, two durable consumers: of the metrics, and of what is sent
again. Nothing is ever deleted here: a consumer is a route's position, a stream is its data.
"""

from __future__ import annotations

from dataclasses import dataclass

from nats.aio.client import Client

from sitewire.broker_config.change import Change
from sitewire.broker_config.consumers import (
    RoutePlan,
    apply_route,
    existing_consumers,
    plan_route,
    route_start,
    stale_routes,
)
from sitewire.broker_config.model import Config
from sitewire.broker_config.names import RETRIES_STREAM
from sitewire.broker_config.retry_consumers import apply_retries
from sitewire.broker_config.streams import StreamPlan, apply_stream, plan_streams

__all__ = ["Topology", "apply", "plan", "route_start"]


@dataclass(frozen=True, slots=True)
class Topology:
    """What the broker has to hold."""

    streams: tuple[StreamPlan, ...]
    routes: tuple[RoutePlan, ...]


def plan(config: Config) -> Topology:
    """Return what a config needs; asks nobody."""
    return Topology(plan_streams(config.broker), tuple(plan_route(route) for route in config.routes))


async def apply(client: Client, topology: Topology, *, dry_run: bool = False, move: bool = True) -> list[Change]:
    """Make the broker hold it; idempotent, and safe when several processes do it at once.

    Args:
        client: a connection with rights to the JetStream API.
        topology: from ``plan``.
        dry_run: only say what would happen.
        move: whether a route that another file has given another place may be taken back.

    Raises:
        BrokerError: no answer, or a refusal that has nothing to do with the file. What was refused
            because of the file is a change of kind ``refused``.
    """
    changes = [await apply_stream(client, stream, dry_run=dry_run) for stream in topology.streams]
    consumers = await existing_consumers(client)
    if consumers is None:
        if not dry_run:
            return changes  # the metrics stream was refused: nothing to consume from
        consumers = {}
    again = await existing_consumers(client, RETRIES_STREAM)
    for route in topology.routes:
        change = await apply_route(client, route, consumers, dry_run=dry_run, move=move)
        if again is not None or dry_run:  # else their stream was refused: the metrics go their way all the same
            change = await apply_retries(client, route, again or {}, change, dry_run=dry_run)
        changes.append(change)
    return changes + stale_routes({**consumers, **(again or {})}, {route.route for route in topology.routes})
