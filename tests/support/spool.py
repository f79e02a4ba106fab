"""Writers of a spool, and what a stream holds of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from nats.aio.client import Client

from sitewire.broker_config.names import ACCOUNTS_STREAM, METRICS_STREAM
from sitewire.collectors.publisher.thread import Publisher
from sitewire.collectors.settings import resolve
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.account import Account, decode_account
from sitewire.schemas.codec import decode_envelope
from sitewire.schemas.envelope import Envelope, Span
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, account_subject, new_writer, parse_stored
from support.stream import RUN


class Spool:
    """A spool's directory.

    Attributes:
        root: where it is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    async def writer(self, run: RunKey = RUN, url: str | None = None) -> SpoolWriter:
        """Begin a writer."""
        identity = WriterIdentity(run.site, run.run, new_writer(), "default", url, 1.7e9)
        return await asyncio.to_thread(SpoolWriter, self.root, identity, limit_bytes=64 << 20, policy="drop_oldest")

    def publisher(self, url: str, site: str = RUN.site) -> Publisher:
        """Make a publisher of this spool, not started."""
        return Publisher(resolve({"url": url, "site": site, "run": "another", "spool": self.root}))


async def log(writer: SpoolWriter, first: int, end: int) -> None:
    """Log the points with these numbers; each has its number as step, as value and, in effect, as index."""

    def append() -> None:
        for number in range(first, end):
            assert writer.append_scalar("loss", float(number), 1.7e9 + number, number)

    await asyncio.to_thread(append)


async def stored(client: Client, writer: str, record_class: RecordClass = RecordClass.SCALARS) -> list[Envelope]:
    """Return the envelopes of a class that the stream holds of a writer, in its order."""
    state = (await client.jsm().stream_info(METRICS_STREAM)).state
    found: list[Envelope] = []
    for sequence in range(max(state.first_seq, 1), state.last_seq + 1):
        message = await client.jsm().get_msg(METRICS_STREAM, sequence)
        _, subject = parse_stored(message.subject or "")
        if (subject.writer, subject.record_class) == (writer, record_class):
            found.append(decode_envelope(message.data or b"", subject))
    return found


def steps(envelopes: list[Envelope]) -> dict[int, int | None]:
    """Return the step at each index; every index is as good as in the first envelope that has it."""
    found: dict[int, int | None] = {}
    for envelope in envelopes:
        for stretch in envelope.stretches():
            if isinstance(stretch, Span):
                for at, record in enumerate(stretch.records):
                    assert found.setdefault(stretch.first + at, record.step) == record.step
    return found


def identity(count: int) -> Mapping[int, int]:
    """Return what ``steps`` gives of a writer that logged ``count`` points without a loss."""
    return {number: number for number in range(count)}


async def account_of(client: Client, writer: str, run: RunKey = RUN) -> Account:
    """Return a writer's account."""
    message = await client.jsm().get_msg(ACCOUNTS_STREAM, subject=account_subject(run, writer))
    return decode_account(message.data or b"")
