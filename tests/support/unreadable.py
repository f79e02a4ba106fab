"""Messages that nobody can read, and what is kept of them."""

from __future__ import annotations

from nats.aio.client import Client

from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import DEAD_STREAM, METRICS_STREAM, consumer_name
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, decode_letter
from sitewire.schemas.subject import RunKey, Subject
from support.stream import (
    RUN,
    SCALARS,
    WRITER,
    partition_of,
)


async def letters(client: Client) -> list[MessageLetter]:
    found = [decode_letter(item.subject, item.data) for item in await read_latest(client, DEAD_STREAM)]
    return [letter for letter in found if isinstance(letter, MessageLetter)]


async def notes(client: Client) -> list[tuple[int, int]]:
    found = [decode_letter(item.subject, item.data) for item in await read_latest(client, DEAD_STREAM)]
    return sorted((note.place.index, note.end) for note in found if isinstance(note, HoleNote))


async def junk(client: Client, count: int = 1, *, run: RunKey = RUN, data: bytes = b"junk") -> None:
    for _ in range(count):
        await client.jetstream().publish(str(Subject(run, SCALARS, WRITER)), data)


async def pending(client: Client) -> int:
    info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
    return info.num_ack_pending or 0
