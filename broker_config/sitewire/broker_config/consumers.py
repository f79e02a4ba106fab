"""The durable consumers of a route: where its position is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.change import Change, ChangeKind, differences
from sitewire.broker_config.errors import NotThere
from sitewire.broker_config.jetstream_api import (
    CONSUMER_MISSING,
    MESSAGE_MISSING,
    STREAM_MISSING,
    Json,
    ask_unless,
    check_complete,
    send_consumer,
)
from sitewire.broker_config.model import BEGINNING, Route, Start
from sitewire.broker_config.moving import SINK_KEY, Standing, mark, place_of, set_back, standing_of
from sitewire.broker_config.names import (
    METRICS_STREAM,
    PARTITIONS,
    consumer_name,
    parse_consumer_name,
    stored_filters,
)

ACK_WAIT_SECONDS: Final = 30
MAX_ACK_PENDING: Final = 2048
"""Envelopes of a (route, partition) under way at once, some hundred records each."""

DELIVERY: Final[Json] = {
    "ack_policy": "explicit",
    "ack_wait": ACK_WAIT_SECONDS * 10**9,
    "max_deliver": -1,
    "max_ack_pending": MAX_ACK_PENDING,
}
"""How messages are delivered: again and again, until they are acknowledged."""

START_KEY: Final = "sitewire.start"
"""Metadata of a consumer: the route's start as the file said when it was created."""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """The consumers of a route.

    Attributes:
        route: its name.
        start: where it begins when it is new.
        sink: the identity of the place that it writes to.
        filters: per partition.
    """

    route: str
    start: Start
    sink: str
    filters: tuple[tuple[str, ...], ...]

    @property
    def start_text(self) -> str:
        """The start as metadata holds it; one text for one instant."""
        return self.start if isinstance(self.start, str) else _utc_text(self.start)

    def wanted(self, partition: int) -> Json:
        """Return what one consumer's configuration has to say; where it starts is not part of it."""
        return {
            **DELIVERY,
            "filter_subjects": list(self.filters[partition]),
        }


def plan_route(route: Route) -> RoutePlan:
    """Return the consumers that a route needs."""
    filters = tuple(stored_filters(route.subjects, partition) for partition in range(PARTITIONS))
    return RoutePlan(route.name, route.start, route.sink.identity, filters)


async def existing_consumers(client: Client, stream: str = METRICS_STREAM) -> dict[str, Json] | None:
    """Return the configuration of every consumer of a stream by name; None if there is no stream.

    Raises:
        BrokerError: no answer.
    """
    found: dict[str, Json] = {}
    while True:
        heed_cancellation()
        page = await ask_unless(client, f"CONSUMER.LIST.{stream}", {"offset": len(found)}, STREAM_MISSING)
        if page is None:
            return None
        check_complete(page, stream)
        items = page["consumers"] or []
        found |= {item["name"]: item["config"] for item in items}
        if not items or len(found) >= page["total"]:
            return found


def routes_of(consumers: Iterable[str]) -> set[str]:
    """Return the routes that consumers of these names belong to."""
    return {parsed[0] for name in consumers if (parsed := parse_consumer_name(name)) is not None}


def stale_routes(consumers: Iterable[str], planned: set[str]) -> list[Change]:
    """Return the routes that have consumers and are no longer in the file."""
    text = "its position is kept, and holds the stream; "
    return [
        Change(ChangeKind.STALE, f"route {route}", text + _removal(route))
        for route in sorted(routes_of(consumers) - planned)
    ]


async def apply_route(
    client: Client, plan: RoutePlan, consumers: Mapping[str, Json], *, dry_run: bool, move: bool = True
) -> Change:
    """Create or update the consumers of one route; safe when several do it at once.

    The consumer of the first partition decides where a new route starts: it is created first, and the
    others take over what it says, whoever created it.

    Args:
        client: connected.
        plan: the route.
        consumers: the configuration of the stream's consumers by name, as they were just now.
        dry_run: only say what would happen.
        move: whether a route that another file has given another place may be taken back.

    Raises:
        BrokerError: no answer, or a refusal that has nothing to do with what the file says.
    """
    what = f"route {plan.route}"
    ours = [consumers.get(consumer_name(plan.route, partition)) for partition in range(PARTITIONS)]
    there = next((config for config in ours if config is not None), None)
    if there is None:
        if _is_future(plan.start):
            return Change(ChangeKind.REFUSED, what, "`start` lies in the future; write `new` when the time has come")
        if dry_run:
            return Change(ChangeKind.CREATED, what, f"{PARTITIONS} consumers, from {plan.start_text}")
        there = await _create(client, plan, 0, await _resolve_start(client, plan.start))
    began = (there.get("metadata") or {}).get(START_KEY)
    if began != plan.start_text:
        detail = f"it began with `{began}`, the file says `{plan.start_text}`; rename the route; {_removal(plan.route)}"
        return Change(ChangeKind.REFUSED, what, detail)
    return await _complete(client, plan, ours, _start_of(there), dry_run=dry_run, move=move)


async def route_start(client: Client, route: str) -> int:
    """Return the stream sequence that a route began with; 0 if it began with ``beginning``.

    Raises:
        NotThere: the route has no consumers.
        BrokerError: no answer.
    """
    path = f"CONSUMER.INFO.{METRICS_STREAM}.{consumer_name(route, 0)}"
    info = await ask_unless(client, path, None, CONSUMER_MISSING)
    if info is None:
        msg = f"route `{route}` has no consumers; `sitewire broker apply` creates them"
        raise NotThere(msg)
    return int(_start_of(info["config"]).get("opt_start_seq", 0))


async def _complete(
    client: Client, plan: RoutePlan, ours: list[Json | None], start: Json, *, dry_run: bool, move: bool
) -> Change:
    what = f"route {plan.route}"
    created = ours.count(None)
    if not dry_run:  # what another process makes meanwhile counts
        ours = [config or await _create(client, plan, partition, start) for partition, config in enumerate(ours)]
    there = {partition: config for partition, config in enumerate(ours) if config is not None}
    standings = {partition: standing_of(config, plan.sink) for partition, config in there.items()}
    away = [there[partition] for partition, standing in standings.items() if standing is Standing.ELSEWHERE]
    if away and not move:
        return Change(ChangeKind.REFUSED, what, _moved_away(plan, away[0]))
    changes = [await _update(client, plan, partition, config, dry_run=dry_run) for partition, config in there.items()]
    moving = [partition for partition, standing in standings.items() if standing is not Standing.OURS]
    if moving and not dry_run:  # all of them are marked by now
        others = await set_back(client, plan.route, plan.sink, moving, start.get("opt_start_seq", 1), plan.wanted)
        if others:
            return Change(ChangeKind.UPDATED, what, _waits(plan, others))
    if text := next(filter(None, changes), ""):
        return Change(ChangeKind.UPDATED, what, text)
    if created:
        return Change(ChangeKind.CREATED, what, f"{created} consumers, from {plan.start_text}")
    return Change(ChangeKind.UNCHANGED, what)


async def _update(client: Client, plan: RoutePlan, partition: int, config: Json, *, dry_run: bool) -> str:
    """Update a consumer, or mark it if it is another place's; return from what to what, empty if it is as it should."""
    standing, wanted = standing_of(config, plan.sink), plan.wanted(partition)
    if standing is not Standing.OURS:
        if standing is Standing.ELSEWHERE and not dry_run:
            await mark(client, config, plan.sink)
        return _moved(plan, config, standing)
    differing = differences(config, wanted)
    if differing and not dry_run:
        await send_consumer(client, METRICS_STREAM, {**config, **wanted}, "update")
    return differing


def _moved(plan: RoutePlan, config: Json, standing: Standing) -> str:
    before = f"{place_of(config)} -> " if standing is Standing.ELSEWHERE else ""
    return f"its place {before}{plan.sink}, which is filled from the route's start"


def _moved_away(plan: RoutePlan, config: Json) -> str:
    return (
        f"another file has moved it from {plan.sink} to {place_of(config)}; "
        "it is left alone here until this file is applied, or a worker is started with it"
    )


def _waits(plan: RoutePlan, others: tuple[str, ...]) -> str:
    return f"moves to {plan.sink} when the workers of the old place have stopped: {', '.join(others)}"


async def _create(client: Client, plan: RoutePlan, partition: int, start: Json) -> Json:
    name = consumer_name(plan.route, partition)
    config = {
        "name": name,
        "durable_name": name,
        **plan.wanted(partition),
        **start,
        "metadata": {START_KEY: plan.start_text, SINK_KEY: plan.sink},
    }
    return await send_consumer(client, METRICS_STREAM, config, "create")


async def _resolve_start(client: Client, start: Start) -> Json:
    """Return where consumers begin; a time and ``new`` become a sequence, one for all partitions."""
    if start == BEGINNING:
        return {"deliver_policy": "all"}
    info = await ask_unless(client, f"STREAM.INFO.{METRICS_STREAM}", None, frozenset())
    # Before the search: a message that is stored in between must not be passed over.
    sequence = int((info or {})["state"]["last_seq"]) + 1
    if isinstance(start, datetime):
        sequence = await _first_since(client, start) or sequence
    return {"deliver_policy": "by_start_sequence", "opt_start_seq": sequence}


async def _first_since(client: Client, time: datetime) -> int | None:
    # The leader says it: what a replica does not have yet would be passed over.
    query = {"next_by_subj": ">", "start_time": _utc_text(time)}
    answer = await ask_unless(client, f"STREAM.MSG.GET.{METRICS_STREAM}", query, MESSAGE_MISSING)
    return None if answer is None else int(answer["message"]["seq"])


def _start_of(config: Json) -> Json:
    return {key: config[key] for key in ("deliver_policy", "opt_start_seq") if key in config}


def _is_future(start: Start) -> bool:
    return isinstance(start, datetime) and start > datetime.now(UTC)


def _utc_text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _removal(route: str) -> str:
    return f"to give it up, stop its workers and run `sitewire broker forget -c FILE {route}`"
