"""Publishes for a site that means harm, with that site's credentials, and counts what the broker took."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from random import Random
from typing import Final

import nats
from nats.aio.client import Client
from nats.errors import Error
from nats.js.errors import APIError

from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, Subject
from support.hostile.bombs import bombs
from support.hostile.forgeries import Message
from support.hostile.mutations import BYTES, mutated
from support.hostile.originals import generated, golden, new_writer_of

AT_ONCE: Final = 64  # messages that wait for their answers
RUNS: Final = 20
WRITERS: Final = 5
BOMB_EVERY: Final = 200
_TIMEOUT: Final = 10.0  # seconds for an answer; a server that refuses gives none


class Harm:
    """A connection with a site's credentials.

    Attributes:
        stored: messages that the broker has stored.
        refused: messages that it, or the client's library, has not.
    """

    def __init__(self, client: Client) -> None:
        self.stored = 0
        self.refused = 0
        self._client = client
        self._room = asyncio.Semaphore(AT_ONCE)

    async def publish(self, messages: Iterable[Message]) -> None:
        """Publish, and wait for each answer."""
        async with asyncio.TaskGroup() as group:
            for message in messages:
                await self._room.acquire()
                group.create_task(self._publish(message))

    async def _publish(self, message: Message) -> None:
        try:
            await self._client.jetstream().publish(
                message.subject, message.data, headers=message.headers or None, timeout=_TIMEOUT
            )
            self.stored += 1
        except (Error, APIError, ValueError):  # permissions, too large, no such stream; a subject that is none
            self.refused += 1
        finally:
            self._room.release()

    async def shout(self, subjects: Iterable[bytes]) -> None:
        """Publish under subjects that the client's library would not, without waiting for answers."""
        for subject in subjects:
            await self._client._send_command(b"PUB %s 2\r\nhi\r\n" % subject)
        await self._client.flush()


async def harmful(url: str) -> Client:
    """Connect as nobody of ours would."""
    return await nats.connect(url, allow_reconnect=True, max_reconnect_attempts=-1)


def spoiled(chance: Random, site: str, count: int) -> Iterator[Message]:
    """Yield spoiled envelopes under sound subjects of a site, and under those that are none, some of them bombs."""
    originals = golden()
    places = [(RunKey(site, f"job-{run}"), new_writer_of(chance)) for run in range(RUNS) for _ in range(WRITERS)]
    explosive = list(bombs().values())
    for number in range(count):
        if number % 1000 == 0:
            originals = [*golden(), *generated(chance, 50)]
        run, writer = chance.choice(places)
        subject = str(Subject(run, chance.choice(list(RecordClass)), writer))
        data = explosive[number // BOMB_EVERY % len(explosive)] if number % BOMB_EVERY == 0 else None
        original = chance.choice(originals)
        if data is None:
            data = mutated(chance, original, originals)[1]
        yield Message(_subject(chance, site, subject), data)


def _subject(chance: Random, site: str, subject: str) -> str:
    if chance.random() < 0.8:
        return subject
    *_, run, record_class, writer = subject.split(".")
    token = chance.choice((run, "=2E", "=2e", "=", "=FF=FE", "x" * 201, "病院", "j=6Fb", "*", ">", "a" * 3000))
    return ".".join(
        (
            "metrics",
            site,
            token,
            chance.choice((record_class, "pictures", "*")),
            chance.choice((writer, "x", writer * 2)),
        )
    )


def shouts(chance: Random, site: str, victim: str, count: int) -> Iterator[bytes]:
    """Yield subjects as bytes: not text, wildcards, more or fewer tokens, of ten kilobytes, and another site's."""
    raw = site.encode()
    for _ in range(count):
        good = b"metrics.%s.job.scalars.%s" % (raw, b"ab" * 16)
        spoiled_subject = chance.choice(BYTES)(chance, good)
        yield chance.choice(
            (
                b"metrics.%s.job.scalars.\xff\xfe" % raw,
                b"metrics.%s.job.*.>" % raw,
                b"metrics.%s.job.scalars" % raw,
                b"metrics.3.%s.job.scalars.%s" % (raw, b"ab" * 16),
                b"metrics.%s.job.scalars.%s.more" % (raw, b"ab" * 16),
                b"metrics.%s.%s.scalars.%s" % (raw, b"x" * 3800, b"ab" * 16),
                b"metrics.%s.job.scalars.%s" % (victim.encode(), b"ab" * 16),
                b"account.%s.job.%s" % (victim.encode(), b"ab" * 16),
                b"$JS.API.STREAM.PURGE.METRICS",
                b"$KV.sitewire_parked.x",
                b"retry.curves.%s.job.scalars" % raw,
                b"dead.curves.message.1",
                b"receipt.curves.%s.job" % victim.encode(),
                bytes(byte for byte in spoiled_subject if byte not in b"\r\n\t \x00") or b"x",
            )
        )
