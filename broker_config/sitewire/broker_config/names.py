"""Names of streams and consumers, and the filters of a route's consumers.

A name of a consumer is where the position of a route is kept: changing its spelling loses positions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from sitewire.broker_config.errors import Misuse
from sitewire.broker_config.patterns import contains, expand, without_contained
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, RETRY, RunKey, Subject

METRICS_STREAM: Final = "METRICS"
ACCOUNTS_STREAM: Final = "ACCOUNTS"
RECEIPTS_STREAM: Final = "RECEIPTS"

DEAD_STREAM: Final = "DEAD"
RETRIES_STREAM: Final = "RETRIES"

LEASES_BUCKET: Final = "LEASES"
"""Who lives, and who owns which unit of work."""

PARKED_BUCKET: Final = "PARKED"
"""Runs that are read again later from the stream, and from where."""

CLAIMS_BUCKET: Final = "CLAIMS"
"""Which object of a tracker stands for what: the tracker makes the name, and of several the first claimed counts."""

PARTITIONS: Final = 8
"""Units in which work is split. Part of every stored subject: another number is a new stream."""

ROUTE_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")

_CONSUMER: Final = re.compile(rf"(?:route|retry)-({ROUTE_NAME.pattern})-p([0-9]{{1,3}})")


def consumer_name(route: str, partition: int) -> str:
    """Return the name of the durable consumer of a route's partition.

    Raises:
        Misuse: not a route's name (1 to 32 of ``a-z 0-9 -``), or no such partition.
    """
    return _name("route", route, partition)


def retry_consumer_name(route: str, partition: int) -> str:
    """Return the name of the consumer of what is sent again to a route's partition.

    Raises:
        Misuse: not a route's name, or no such partition.
    """
    return _name("retry", route, partition)


def _name(sort: str, route: str, partition: int) -> str:
    if not ROUTE_NAME.fullmatch(route):
        msg = f"a route's name is 1 to 32 characters of a-z, 0-9 and -: {route!r:.80}"
        raise Misuse(msg)
    if not 0 <= partition < PARTITIONS:
        msg = f"partitions are 0 to {PARTITIONS - 1}: {partition}"
        raise Misuse(msg)
    return f"{sort}-{route}-p{partition}"


def parse_consumer_name(name: str) -> tuple[str, int] | None:
    """Read a consumer's name into its route and partition; None if it is not one of ours."""
    match = _CONSUMER.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def partition_of(run: RunKey) -> int:
    """Return the partition of a run: FNV-1a over its tokens, as the server's transform has it."""
    digest = 0x811C9DC5
    for byte in "".join(run.tokens).encode():
        digest = (digest ^ byte) * 0x01000193 % 2**32
    return digest % PARTITIONS


def retry_filter(route: str, partition: int) -> str:
    """Return the filter subject of the consumer of what is sent again to a route's partition."""
    return f"{RETRY}.{partition}.{route}.*.*.*"


def stored_filters(subjects: Iterable[str], partition: int) -> tuple[str, ...]:
    """Return the filter subjects of the consumer of one partition, sorted, none inside another.

    The class ``run`` of the same sites and runs is always among them: a route needs a run's
    experiment, its start and its end, whatever else it delivers.

    Raises:
        PatternRefused: a subject is not a pattern of records.
    """
    wanted = [expand(subject) for subject in subjects]
    wanted += [_with_class_run(pattern) for pattern in wanted]
    return tuple(_in_partition(pattern, partition) for pattern in without_contained(wanted))


def takes(subjects: Iterable[str]) -> Callable[[Subject], bool]:
    """Return the question whether a route reads what is published under a subject.

    Args:
        subjects: the route's patterns.

    Raises:
        PatternRefused: one of them is no pattern of records.
    """
    filters = stored_filters(subjects, 0)
    return lambda subject: any(contains(pattern, subject.stored(0)) for pattern in filters)


def _with_class_run(pattern: str) -> str:
    site, run, _, writer = pattern.split(".")[1:]
    return f"{METRICS}.{site}.{run}.{RecordClass.RUN}.{writer}"


def _in_partition(pattern: str, partition: int) -> str:
    return pattern.replace(f"{METRICS}.", f"{METRICS}.{partition}.", 1)
