"""The streams with something in them, put there without a collector."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from nats.aio.client import Client

from sitewire.broker_config.model import Broker, Collect, Config, Embedded, Route, SinkConfig, Start
from sitewire.broker_config.names import METRICS_STREAM, PARTITIONS, RECEIPTS_STREAM, consumer_name
from sitewire.broker_config.topology import apply, plan
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.hole import Hole
from sitewire.schemas.receipt import Receipt, decode_receipt
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, account_subject, receipt_subject
from sitewire.workers.sinks.null import NullOptions

RUN = RunKey("clinic", "job")
WRITER = "ab" * 16
SCALARS = RecordClass.SCALARS


def route(name: str = "hq", start: Start = "beginning", subjects: tuple[str, ...] = ("metrics.>",)) -> Route:
    """Return a route to the sink ``null``."""
    return Route(name, subjects, start, SinkConfig("null", NullOptions(), Path("/"), f"null:{name}"))


async def declare(client: Client, *routes: Route, max_bytes: int | None = None) -> None:
    """Make streams and consumers."""
    broker = Broker(embedded=Embedded(store=Path("/tmp"), max_bytes=max_bytes))
    await apply(client, plan(Config(Path("sitewire.yaml"), broker, Collect(spool=Path("/tmp")), routes)))


def scalar(index: int, name: str = "loss") -> Record:
    """Return the record that every writer of these tests has at an index."""
    return Record(Kind.SCALAR, name, float(index), 1.7e9 + index, index)


def body(first: int, end: int, holes: Sequence[Hole] = (), writer: str = WRITER) -> bytes:
    """Return an envelope of scalars for the indexes from ``first`` to ``end - 1``; those in holes hold none."""
    missing = {index for hole in holes for index in range(hole.first, hole.end)}
    packed = [pack_record(scalar(index)) for index in range(first, end) if index not in missing]
    return encode_envelope(writer, SCALARS, first, packed, holes)


async def send(
    client: Client, first: int, end: int, *, run: RunKey = RUN, writer: str = WRITER, holes: Sequence[Hole] = ()
) -> int:
    """Publish an envelope as a collector does; return its stream sequence."""
    subject = str(Subject(run, SCALARS, writer))
    return (await client.jetstream().publish(subject, body(first, end, holes, writer))).seq


async def tell(
    client: Client,
    classes: Mapping[RecordClass, tuple[int, int, int]],
    *,
    alive: bool = True,
    ended: bool = False,
    run: RunKey = RUN,
    writer: str = WRITER,
) -> None:
    """Publish an account: per class the indexes assigned, published, and the oldest held."""
    counts = {name: ClassAccount(*three) for name, three in classes.items()}
    await client.jetstream().publish(account_subject(run, writer), encode_account(Account(counts, alive, ended)))


def partition_of(run: RunKey) -> int:
    """Return where the stream puts a run: FNV-1a over the tokens, as the server has it."""
    digest = 0x811C9DC5
    for byte in "".join(run.tokens).encode():
        digest = (digest ^ byte) * 0x01000193 % 2**32
    return digest % PARTITIONS


def neighbours(count: int) -> list[RunKey]:
    """Return runs that share the partition of ``RUN``."""
    runs = (RunKey(RUN.site, f"other-{number}") for number in range(1000))
    return [run for run in runs if partition_of(run) == partition_of(RUN)][:count]


async def acknowledged(client: Client) -> None:
    """Wait until nothing of the partition is on its way."""
    async with asyncio.timeout(30):
        while True:
            info = await client.jsm().consumer_info(METRICS_STREAM, consumer_name("hq", partition_of(RUN)))
            if not info.num_pending and not info.num_ack_pending:
                return
            await asyncio.sleep(0.02)


async def receipt_of(client: Client, run: RunKey = RUN) -> Receipt:
    """Return the receipt of a run."""
    message = await client.jsm().get_msg(RECEIPTS_STREAM, subject=receipt_subject("hq", run))
    return decode_receipt(message.data or b"")
