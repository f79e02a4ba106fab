"""What a campaign has left behind: in the streams, in the dead letters, in the folders of the trackers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nats.aio.client import Client

from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.latest import Latest
from sitewire.broker_config.names import DEAD_STREAM, METRICS_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.schemas.dead_letter import MessageLetter, decode_letter
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.subject import unescape
from sitewire.workers.arrival import read

_AT_ONCE = 4 * 1024 * 1024  # bytes of an answer


@dataclass
class Stored:
    """What the stream of metrics holds.

    Attributes:
        readable: messages that a worker can read.
        unreadable: the sequences of those that it cannot.
        unrouted: how many have a wildcard for a token of their subject: the server's transform matches none of these,
            so they are stored in no partition, and nobody reads them.
        sites: the names of all sites of which something readable is there.
    """

    readable: int = 0
    unreadable: set[int] = field(default_factory=set)
    unrouted: int = 0
    sites: set[str] = field(default_factory=set)


async def stored(client: Client) -> Stored:
    """Read the whole stream."""
    found = Stored()
    for item in await _all(client, METRICS_STREAM):
        if {"*", ">"} & {*item.subject.split(".")}:
            assert item.subject.count(".") == 4, f"{item.subject} is in a partition"
            found.unrouted += 1
            continue
        try:
            arrival = read(item.subject, item.sequence, item.data)
        except SchemaError:
            found.unreadable.add(item.sequence)
        else:
            found.readable += 1
            found.sites.add(arrival.run.site)
    return found


async def letters(client: Client) -> dict[str, set[int]]:
    """Return, per route, the sequences of the messages that are in the dead letters."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    for item in await _all(client, DEAD_STREAM):
        letter = decode_letter(item.subject, item.data)
        if isinstance(letter, MessageLetter):
            found[letter.route].add(letter.sequence)
    return found


async def undelivered(client: Client) -> int:
    """Return how many messages no route has settled yet, beside those of the sites that go on."""
    answer = await ask(client, f"CONSUMER.LIST.{METRICS_STREAM}")
    return sum(item["num_pending"] + item["num_ack_pending"] for item in answer["consumers"])


async def dead_bytes(client: Client) -> int:
    """Return how large the stream of dead letters is."""
    return int((await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["state"]["bytes"])


async def _all(client: Client, stream: str) -> list[Latest]:
    found: list[Latest] = []
    while True:
        stretch = await read_stretch(client, stream, ">", found[-1].sequence + 1 if found else 1, _AT_ONCE)
        found += stretch.messages
        if stretch.at_end:
            return found


def trespasses(place: Path, own: str, others: Mapping[str, Collection[str]]) -> list[str]:
    """Return what lies in a tracker's place under no run and site of these; links too.

    Args:
        place: with ``<run>/<site>/`` in it.
        own: the site that means harm.
        others: the runs of each other site; one more of these is what somebody else has written.
    """
    found = []
    for run in _folders(place):
        for site in _folders(run):
            name = unescape(site.name)
            if name != own and unescape(run.name) not in others.get(name, ()):
                found.append(str(site))
    return found + [str(path) for path in place.rglob("*") if path.is_symlink()]


def _folders(path: Path) -> Iterable[Path]:
    return (item for item in path.iterdir() if not item.name.startswith(".sitewire"))
