"""What the broker says of a stream and of those who read it.

The order of the questions is what makes the answers safe to purge by; ``read_needs`` keeps it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.jetstream_api import MESSAGE_MISSING, Json, ask_unless, check_complete
from sitewire.broker_config.names import METRICS_STREAM, PARKED_BUCKET
from sitewire.workers.parked_run import ParkedRun
from sitewire.workers.trimmer.needs import Consumer, Need, make_needs

ROUTES: Final = "route-"
"""What the names begin with of consumers that keep messages from being purged; ``tail``'s, say, do not."""


@dataclass(frozen=True, slots=True)
class StreamState:
    """How full a stream is. Sizes in bytes; ``max_bytes`` is -1 without a bound; sequences are 0 before the first.

    ``replicas`` is how many servers hold it.
    """

    messages: int
    bytes: int
    max_bytes: int
    first: int
    last: int
    replicas: int = 1

    @property
    def fullness(self) -> float:
        """The share of the bound that is used; 0.0 without a bound."""
        return self.bytes / self.max_bytes if self.max_bytes > 0 else 0.0


async def read_state(client: Client, stream: str = METRICS_STREAM) -> StreamState:
    """Ask how full a stream is.

    Raises:
        BrokerError: no answer, or no such stream.
    """
    info = await ask_unless(client, f"STREAM.INFO.{stream}", None, frozenset()) or {}
    state = info["state"]
    config = info["config"]
    bound, replicas = config.get("max_bytes", -1), config.get("num_replicas", 1)
    return StreamState(state["messages"], state["bytes"], bound, state["first_seq"], state["last_seq"], replicas)


async def read_needs(client: Client) -> tuple[Need, ...]:
    """Ask who needs messages of the metrics stream; ask for its state before this, not behind it.

    Consumers come before the bucket: a run is parked before its messages are acknowledged, so a message
    that a consumer has behind it is committed, or the bucket says who needs it. What becomes of messages in
    between is looked at last: nobody but the trimmer purges.

    Raises:
        BrokerError: no answer.
    """
    infos = await _consumers(client, METRICS_STREAM, ROUTES)
    entries = await Bucket(client, PARKED_BUCKET).all()
    consumers = [await _consumer(client, METRICS_STREAM, info) for info in infos]
    return make_needs(consumers, {key: ParkedRun.decode(entry.value) for key, entry in entries.items()})


async def read_consumers(client: Client, stream: str, prefix: str) -> tuple[Consumer, ...]:
    """Return the consumers of a stream whose names begin so, each with the first message that waits for it.

    Raises:
        BrokerError: no answer.
    """
    infos = await _consumers(client, stream, prefix)
    return tuple([await _consumer(client, stream, info) for info in infos])


async def first_since(client: Client, time: float) -> int | None:
    """Return the sequence of the first message of the metrics stream that was stored at a time or later.

    Args:
        client: connected.
        time: seconds since the epoch, by the server's clock.

    Raises:
        BrokerError: no answer.
    """
    since = datetime.fromtimestamp(time, UTC).isoformat()
    return await _find(client, METRICS_STREAM, {"next_by_subj": ">", "start_time": since})


async def _consumers(client: Client, stream: str, prefix: str) -> list[Json]:
    """Return the infos of all consumers whose names begin so.

    A long list comes in pages, sorted by name. They overlap by one: if that one is still in its place, none has
    slipped through the seam because another was removed meanwhile. One that is not seen needs nothing.
    """
    found: list[Json] = []
    while True:
        heed_cancellation()
        seam = found[-1:]
        offset = len(found) - len(seam)
        page = await ask_unless(client, f"CONSUMER.LIST.{stream}", {"offset": offset}, frozenset()) or {}
        check_complete(page, stream)
        items: list[Json] = page["consumers"] or []
        if seam and _names(items[:1]) != _names(seam):
            found.clear()
            continue
        found[offset:] = items
        if len(found) >= page["total"]:
            return [info for info in found if info["name"].startswith(prefix)]


def _names(infos: Iterable[Json]) -> list[str]:
    return [info["name"] for info in infos]


async def _consumer(client: Client, stream: str, info: Json) -> Consumer:
    # The consumer's own count of what is pending would spare the question, but it is a count, kept up to date;
    # the leader's answer about the message itself is what a purge may rest on.
    heed_cancellation()
    config, floor = info["config"], info["ack_floor"]["stream_seq"]
    patterns = config.get("filter_subjects") or [config.get("filter_subject") or ">"]
    waiting = await _first_above(client, stream, floor, patterns)
    return Consumer(info["name"], config.get("opt_start_seq", 0), floor, waiting)


async def _first_above(client: Client, stream: str, floor: int, patterns: Iterable[str]) -> int | None:
    found = [await _find(client, stream, {"seq": floor + 1, "next_by_subj": pattern}) for pattern in patterns]
    return min((sequence for sequence in found if sequence is not None), default=None)


async def _find(client: Client, stream: str, query: Json) -> int | None:
    """Return the sequence of the message that a query finds. The stream's leader answers, so nothing is out of date."""
    answer = await ask_unless(client, f"STREAM.MSG.GET.{stream}", query, MESSAGE_MISSING)
    return None if answer is None else int(answer["message"]["seq"])
