"""What the broker has acknowledged, read back from its stream: different indexes of scalars, whoever sent them."""

from __future__ import annotations

from typing import Final

from nats.aio.client import Client

from sitewire.broker_config.names import METRICS_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import METRICS, parse_stored

_AT_ONCE: Final = 8 << 20  # bytes of an answer
_ALL: Final = f"{METRICS}.>"


async def count_stored(client: Client) -> int:
    """Return how many different scalars the stream of metrics holds; what lies in a hole is none."""
    found: dict[tuple[str, str, str], set[int]] = {}
    start, at_end = 1, False
    while not at_end:
        stretch = await read_stretch(client, METRICS_STREAM, _ALL, start, _AT_ONCE)
        for message in stretch.messages:
            _take(found, message.subject, message.data)
        start = stretch.messages[-1].sequence + 1 if stretch.messages else start
        at_end = stretch.at_end
    return sum(map(len, found.values()))


def _take(found: dict[tuple[str, str, str], set[int]], stored: str, data: bytes) -> None:
    _partition, subject = parse_stored(stored)
    if subject.record_class is not RecordClass.SCALARS:
        return
    envelope = decode_envelope(data, subject)
    indexes = found.setdefault((subject.key.site, subject.key.run, subject.writer), set())
    indexes.update(range(envelope.first, envelope.end))
    for hole in envelope.holes:
        indexes.difference_update(range(hole.first, hole.end))
