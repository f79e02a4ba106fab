"""The streams, as they are wanted, and how one gets to be so."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from nats.aio.client import Client
from nats.js.errors import APIError

from sitewire.broker_config.change import Change, ChangeKind, differences
from sitewire.broker_config.errors import map_error
from sitewire.broker_config.jetstream_api import (
    NO_PEERS,
    NO_STORAGE,
    STREAM_EXISTS,
    STREAM_MISSING,
    Json,
    ask,
    ask_unless,
)
from sitewire.broker_config.model import Broker
from sitewire.broker_config.names import (
    ACCOUNTS_STREAM,
    CLAIMS_BUCKET,
    DEAD_STREAM,
    LEASES_BUCKET,
    METRICS_STREAM,
    PARKED_BUCKET,
    PARTITIONS,
    RECEIPTS_STREAM,
    RETRIES_STREAM,
)
from sitewire.schemas.subject import ACCOUNT, DEAD, METRICS, RECEIPT, RETRY

DEFAULT_MAX_BYTES: Final = 10 * 1024**3
"""Bound of a metrics stream that is created without one, or half of the free disk if that is less."""

DEAD_MAX_BYTES: Final = 256 * 1024**2
"""Of all dead letters; a worker that finds no room for one waits with that run."""

RETRIES_MAX_BYTES: Final = 64 * 1024**2
"""Of what is sent again."""

_COMMON: Final[Json] = {
    "retention": "limits",
    "storage": "file",
    "max_age": 0,
    "compression": "none",
    "allow_direct": True,
}
_TRANSFORM: Final[Json] = {
    "src": f"{METRICS}.*.*.*.*",
    "dest": f"{METRICS}.{{{{partition({PARTITIONS},1,2)}}}}."
    + ".".join(f"{{{{wildcard({n})}}}}" for n in (1, 2, 3, 4)),
}

_RETRIES_TRANSFORM: Final[Json] = {
    # The site and the run are the second and third token here; the hash is that of the metrics' partition.
    "src": f"{RETRY}.*.*.*.*",
    "dest": f"{RETRY}.{{{{partition({PARTITIONS},2,3)}}}}." + ".".join(f"{{{{wildcard({n})}}}}" for n in (1, 2, 3, 4)),
}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """One stream.

    Attributes:
        name: of the stream.
        wanted: the keys of its configuration that we decide about; others keep what they are.
        needs_bound: no bound is stated: the stream is created with the default and keeps what it has.
        store: the folder on whose disk the stream lies, if that is ours to look at.
    """

    name: str
    wanted: Json
    needs_bound: bool = False
    store: Path | None = None


def plan_streams(broker: Broker) -> tuple[StreamPlan, ...]:
    """Return the streams that the project needs.

    METRICS refuses new messages when it is full, so that publishers keep what they have; five tokens
    exactly, because what is deeper would be stored without the partition. The others keep the last
    message of each subject: a new account replaces the old one.
    """
    embedded = broker.embedded
    bound = {"max_bytes": embedded.max_bytes} if embedded is not None and embedded.max_bytes is not None else {}
    metrics = {
        **_COMMON,
        "subjects": [f"{METRICS}.*.*.*.*"],
        "subject_transform": _TRANSFORM,
        "discard": "new",
        **bound,
    }
    latest = {**_COMMON, "discard": "old", "max_msgs_per_subject": 1}
    plans = (
        StreamPlan(METRICS_STREAM, metrics, not bound, embedded.store if embedded is not None else None),
        StreamPlan(ACCOUNTS_STREAM, {**latest, "subjects": [f"{ACCOUNT}.*.*.*"]}),
        StreamPlan(RECEIPTS_STREAM, {**latest, "subjects": [f"{RECEIPT}.*.*.*"]}),
        StreamPlan(DEAD_STREAM, _plan_dead()),
        StreamPlan(RETRIES_STREAM, _plan_retries()),
        _plan_bucket(LEASES_BUCKET),
        _plan_bucket(PARKED_BUCKET),
        _plan_bucket(CLAIMS_BUCKET),
    )
    return plans if broker.replicas is None else tuple(_replicated(plan, broker.replicas) for plan in plans)


def _replicated(plan: StreamPlan, replicas: int) -> StreamPlan:
    """All of them, for each holds what exactness rests on; consumers have as many as their stream."""
    return replace(plan, wanted={**plan.wanted, "num_replicas": replicas})


def _plan_dead() -> Json:
    """A letter that is written again replaces itself; when there is no room, none is given up for another."""
    return {
        **_COMMON,
        "subjects": [f"{DEAD}.>"],
        "discard": "new",
        "max_msgs_per_subject": 1,
        "max_bytes": DEAD_MAX_BYTES,
    }


def _plan_retries() -> Json:
    return {
        **_COMMON,
        "subjects": [f"{RETRY}.*.*.*.*"],
        "subject_transform": _RETRIES_TRANSFORM,
        "discard": "new",
        "max_bytes": RETRIES_MAX_BYTES,
    }


def _plan_bucket(name: str) -> StreamPlan:
    """Return the stream that a key-value bucket is (ADR-8 of the NATS project); deleted keys' markers expire."""
    wanted = {
        **_COMMON,
        "subjects": [f"$KV.{name}.>"],
        "discard": "new",
        "max_msgs_per_subject": 1,
        "allow_rollup_hdrs": True,
        "allow_msg_ttl": True,
    }
    return StreamPlan(f"KV_{name}", wanted)


async def apply_stream(client: Client, plan: StreamPlan, *, dry_run: bool) -> Change:
    """Create or update one stream; safe when several do it at once.

    Raises:
        BrokerError: no answer, or a refusal that has nothing to do with what the file says.
    """
    what = f"stream {plan.name}"
    found = await ask_unless(client, f"STREAM.INFO.{plan.name}", None, STREAM_MISSING)
    if found is None:
        if dry_run:
            return Change(ChangeKind.CREATED, what)
        change = await _create(client, plan, what)
        if change is not None:
            return change
        # Another process was faster, with another bound: compare with what it made.
        found = await ask_unless(client, f"STREAM.INFO.{plan.name}", None, frozenset())
    return await _update(client, plan, found or {}, what, dry_run=dry_run)


async def _create(client: Client, plan: StreamPlan, what: str) -> Change | None:
    config = {"name": plan.name, **plan.wanted}
    if plan.needs_bound:
        config["max_bytes"] = await asyncio.to_thread(_default_bound, plan.store)
    reason = await _refusal(client, f"STREAM.CREATE.{plan.name}", config)
    if reason is None:
        return Change(ChangeKind.CREATED, what)
    if await ask_unless(client, f"STREAM.INFO.{plan.name}", None, STREAM_MISSING) is not None:
        return None
    return Change(ChangeKind.REFUSED, what, f"{reason}, or create the stream yourself with less")


async def _update(client: Client, plan: StreamPlan, found: Json, what: str, *, dry_run: bool) -> Change:
    config = found["config"]
    changes = differences(config, plan.wanted)
    if not changes:
        return Change(ChangeKind.UNCHANGED, what)
    if reason := next(_objections(plan, found), ""):
        return Change(ChangeKind.REFUSED, what, f"{changes}: {reason}")
    if not dry_run:
        refusal = await _refusal(client, f"STREAM.UPDATE.{plan.name}", {**config, **plan.wanted})
        if refusal is not None:
            return Change(ChangeKind.REFUSED, what, f"{changes}: {refusal}")
    return Change(ChangeKind.UPDATED, what, changes)


async def _refusal(client: Client, path: str, config: Json) -> str | None:
    """Ask for a stream to be so; return None if it is, or why it cannot be.

    Raises:
        BrokerError: no answer, or a refusal that has nothing to do with what the file says.
    """
    try:
        await ask(client, path, config)
    except APIError as error:
        if error.err_code in NO_PEERS:
            return _too_few(config)
        if error.err_code in NO_STORAGE | STREAM_EXISTS:
            return _no_room(config)
        raise map_error(error) from error
    return None


def _objections(plan: StreamPlan, found: Json) -> Iterator[str]:
    config, state = found["config"], found["state"]
    for key in ("subject_transform", "storage", "retention"):
        if key in plan.wanted and config.get(key) != plan.wanted[key] and state["messages"]:
            yield f"`{key}` cannot change while the stream holds messages; move them to a new store"
    if state["bytes"] > plan.wanted.get("max_bytes", state["bytes"]):
        yield f"the stream holds {state['bytes']} bytes already"


def _too_few(config: Json) -> str:
    wanted = config.get("num_replicas")
    return (
        f"the broker has too few servers for {wanted} replicas: add servers to its cluster, wait for those that are "
        "down, or write fewer `replicas`"
    )


def _no_room(config: Json) -> str:
    return f"the server has no room for {config.get('max_bytes')} bytes: free the disk, raise its `max_file_store`"


def _default_bound(store: Path | None) -> int:
    if store is None:
        return DEFAULT_MAX_BYTES
    folder = next(parent for parent in (store, *store.parents) if parent.is_dir())
    return min(DEFAULT_MAX_BYTES, shutil.disk_usage(folder).free // 2)
