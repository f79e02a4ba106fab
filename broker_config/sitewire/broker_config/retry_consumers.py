"""The durable consumers of what is sent again to a route: beside those of its metrics, on a stream of their own.

They begin with the oldest that is there and are never set back: a retry is about the place that had
refused it, and says so; a route that is given another place reads the metrics again, not the retries.
"""

from __future__ import annotations

from collections.abc import Mapping

from nats.aio.client import Client

from sitewire.broker_config.change import Change, ChangeKind, differences
from sitewire.broker_config.consumers import DELIVERY, RoutePlan
from sitewire.broker_config.jetstream_api import Json, send_consumer
from sitewire.broker_config.names import PARTITIONS, RETRIES_STREAM, retry_consumer_name, retry_filter


async def apply_retries(
    client: Client, plan: RoutePlan, consumers: Mapping[str, Json], change: Change, *, dry_run: bool
) -> Change:
    """Create or update the consumers of one route's retries; safe when several do it at once.

    Args:
        client: connected.
        plan: the route.
        consumers: of the stream of retries, by name.
        change: what became of the route's other consumers.
        dry_run: only say what would happen.

    Returns:
        What became of all of them: ``change``, unless only these were touched.

    Raises:
        BrokerError: no answer, or a refusal.
    """
    if change.kind is ChangeKind.REFUSED:
        return change
    touched = [
        await _apply(client, plan.route, partition, consumers, dry_run=dry_run) for partition in range(PARTITIONS)
    ]
    kinds = [kind for kind in touched if kind is not ChangeKind.UNCHANGED]
    if not kinds or change.kind is not ChangeKind.UNCHANGED:
        return change
    return Change(kinds[0], change.what, f"{len(kinds)} consumers of retries")


async def _apply(
    client: Client, route: str, partition: int, consumers: Mapping[str, Json], *, dry_run: bool
) -> ChangeKind:
    name = retry_consumer_name(route, partition)
    wanted = {**DELIVERY, "filter_subjects": [retry_filter(route, partition)]}
    config = consumers.get(name)
    if config is not None and not differences(config, wanted):
        return ChangeKind.UNCHANGED
    if not dry_run:
        base = config or {"name": name, "durable_name": name, "deliver_policy": "all"}
        await send_consumer(client, RETRIES_STREAM, {**base, **wanted}, "update" if config else "create")
    return ChangeKind.UPDATED if config else ChangeKind.CREATED
