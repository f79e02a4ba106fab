"""Who still needs messages of the metrics stream, and up to where nobody does.

Pure: the answers of the broker come in, needs come out. A message is committed when every route has it
behind its acknowledgements and no parked run, of which messages are acknowledged unread, needs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Final

from sitewire.broker_config.names import PARTITIONS, parse_consumer_name
from sitewire.workers.parked_run import ParkedKey, ParkedRun, parse_parked_key

_ALL: Final = frozenset(range(PARTITIONS))


@dataclass(frozen=True, slots=True)
class Consumer:
    """A durable consumer, as far as it keeps messages from being purged. Sequences are the stream's.

    Attributes:
        name: as the broker has it.
        start: the first sequence that it was made to deliver; 0 if it began with the oldest there was.
        floor: all that it reads up to this one is acknowledged.
        waiting: the first message above ``floor`` that it reads; None if the stream has none.
    """

    name: str
    start: int
    floor: int
    waiting: int | None


class NeedKind(StrEnum):
    """Why messages are needed."""

    UNREAD = "unread"
    """A consumer has not acknowledged them."""
    INCOMPLETE = "incomplete"
    """Consumers of a route are missing: it is being made, or was removed in part. They begin where the others did."""
    PARKED = "parked"
    """A run of a route failed, was put aside, and will be read again from there."""
    NO_ROUTE = "no_route"
    """Nobody has ever asked for anything: whoever comes first gets all that there is."""


@dataclass(frozen=True, slots=True)
class Need:
    """One who needs messages.

    Attributes:
        kind: why.
        sequence: the lowest stream sequence needed; 0 for all.
        route: whose it is, as far as its name says; empty for ``no_route``.
        partition: of the route; None if it concerns the whole route.
        run: which run is parked; None otherwise.
        parked: what its entry says; None otherwise.
    """

    kind: NeedKind
    sequence: int
    route: str = ""
    partition: int | None = None
    run: ParkedKey | None = None
    parked: ParkedRun | None = None

    def __str__(self) -> str:
        """Return who it is, for people."""
        if self.kind is NeedKind.NO_ROUTE:
            return "no route has been made yet"
        if self.kind is NeedKind.INCOMPLETE:
            return f"route {self.route}, of which consumers are missing"
        place = f"route {self.route}" + ("" if self.partition is None else f", partition {self.partition}")
        return f"{place}, its parked run {self.run.run} of {self.run.site}" if self.run else place


def make_needs(consumers: Iterable[Consumer], parked: Mapping[str, ParkedRun]) -> tuple[Need, ...]:
    """Return all needs, the one for the oldest message first.

    Args:
        consumers: of all routes, whoever made them; read *before* ``parked``, because a run is parked
            before its messages are acknowledged.
        parked: the bucket of parked runs, by key.
    """
    listed = list(consumers)
    if not listed and not parked:
        return (Need(NeedKind.NO_ROUTE, 0),)
    found = [*_unread(listed), *_incomplete(listed), *(_of_parked(key, run) for key, run in parked.items())]
    return tuple(sorted(found, key=lambda need: need.sequence))


def committed(needs: Iterable[Need], last: int) -> int:
    """Return the highest sequence up to which nobody needs anything; 0 or less if there is none.

    Args:
        needs: all of them.
        last: the stream's last sequence *before* the consumers were asked. Of what came since nobody has said a word.
    """
    return min([last, *(need.sequence - 1 for need in needs)])


def _unread(consumers: Iterable[Consumer]) -> Iterator[Need]:
    for consumer in consumers:
        if consumer.waiting is not None:
            route, partition = parse_consumer_name(consumer.name) or (consumer.name, None)
            yield Need(NeedKind.UNREAD, consumer.waiting, route, partition)


def _incomplete(consumers: Iterable[Consumer]) -> Iterator[Need]:
    # One whose name is none of ours needs what it reads, and there is nothing that it could lack.
    named = sorted((parsed, item.start) for item in consumers if (parsed := parse_consumer_name(item.name)))
    for route, group in groupby(named, key=lambda item: item[0][0]):
        members = list(group)
        if not {partition for (_, partition), _ in members} >= _ALL:
            yield Need(NeedKind.INCOMPLETE, min(start for _, start in members), route)


def _of_parked(key: str, run: ParkedRun) -> Need:
    # A key that cannot be read counts as any other: what its value says is needed.
    named = parse_parked_key(key)
    if named is None:
        return Need(NeedKind.PARKED, run.sequence, key, parked=run)
    return Need(NeedKind.PARKED, run.sequence, named.route, named.partition, named, run)
