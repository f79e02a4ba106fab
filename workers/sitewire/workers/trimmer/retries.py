"""The stream of retried records: of each subject only the last message stays, once its consumer has it behind it.

The last one has to stay, however old: it says what the next retry is numbered with.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.jetstream_api import MESSAGE_MISSING, STREAM_MISSING, ask_unless
from sitewire.broker_config.names import PARKED_BUCKET, RETRIES_STREAM
from sitewire.workers.parked_run import parse_parked_key
from sitewire.workers.trimmer.reading import read_consumers

RETRIES = "retry-"
"""What the names of the consumers begin with."""


async def trim_retries(client: Client) -> None:
    """Purge what is behind the last message of a subject, and needed by nobody.

    What comes meanwhile has a higher sequence than the last that was read here, so no purge can touch it.

    Raises:
        BrokerError: the broker could not be asked.
    """
    counts = await _counts(client)
    if not any(count > 1 for count in counts.values()):
        return
    lasts = {subject: await _last(client, subject) for subject, count in counts.items() if count > 1}
    consumers = await read_consumers(client, RETRIES_STREAM, RETRIES)
    waiting = {consumer.name: consumer.waiting for consumer in consumers}
    parked = (await Bucket(client, PARKED_BUCKET).all()).keys()
    for subject, last in lasts.items():
        if last is not None and (upto := first_needed(subject, last, waiting, parked)):
            await ask_unless(client, f"STREAM.PURGE.{RETRIES_STREAM}", {"filter": subject, "seq": upto}, frozenset())


def first_needed(subject: str, last: int, waiting: Mapping[str, int | None], parked: Collection[str]) -> int:
    """Return the sequence below which nobody needs the messages of a stored subject; 0 if all may be needed.

    Args:
        subject: ``retry.<partition>.<route>.<site>.<run>.<class>``.
        last: the sequence of its last message, which is needed in any case.
        waiting: per consumer, the sequence of the first message that it has not behind it.
        parked: keys of the runs that are parked: what comes for these is acknowledged unread.
    """
    _, partition, route, site, run, _ = subject.split(".")
    consumer = f"{RETRIES}{route}-p{partition}"
    if consumer not in waiting or f"{route}.{partition}.{site}.{run}" in parked:
        return 0
    if any(parse_parked_key(key) is None for key in parked):
        return 0
    return min(last, waiting[consumer] or last)


async def _counts(client: Client) -> Mapping[str, int]:
    """Return the number of messages of each subject; nothing if there is one of each, which is cheap to ask."""
    path = f"STREAM.INFO.{RETRIES_STREAM}"
    info = await ask_unless(client, path, None, STREAM_MISSING)
    if info is None or info["state"]["messages"] == info["state"].get("num_subjects", 0):
        return {}
    details = await ask_unless(client, path, {"subjects_filter": ">"}, frozenset()) or {}
    counts: Mapping[str, int] | None = details["state"].get("subjects")
    return counts or {}


async def _last(client: Client, subject: str) -> int | None:
    query = {"last_by_subj": subject}
    answer = await ask_unless(client, f"STREAM.MSG.GET.{RETRIES_STREAM}", query, MESSAGE_MISSING)
    return None if answer is None else int(answer["message"]["seq"])
