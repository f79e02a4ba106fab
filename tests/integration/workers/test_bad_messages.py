"""Messages that are no envelopes: put aside, reported, and nobody's trouble."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import Subject
from support.memory_sink import Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, body, scalar, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


def bad_messages() -> dict[str, tuple[RecordClass, str, bytes]]:
    """Class and writer of the subject, and a body that does not fit."""
    packed = [pack_record(scalar(0))]
    good = encode_envelope(WRITER, SCALARS, 0, packed)
    return {
        "no MessagePack at all": (SCALARS, WRITER, b"\xc1 nothing"),
        "empty": (SCALARS, WRITER, b""),
        "another version": (SCALARS, WRITER, good.replace(b"\xa1v\x01", b"\xa1v\x02", 1)),
        "a writer that is not the subject's": (SCALARS, WRITER, encode_envelope("cd" * 16, SCALARS, 0, packed)),
        "a class that is not the subject's": (RecordClass.MEDIA, WRITER, good),
        "a subject without a writer": (SCALARS, "somebody", good),
        "an array that announces four billion items": (SCALARS, WRITER, good[:-20] + b"\xdd\xff\xff\xff\xff"),
    }


@pytest.mark.parametrize("name", bad_messages())
async def test_a_message_that_is_no_envelope_is_put_aside_and_stops_nobody(
    client: Client, place: Place, running: Running, name: str
) -> None:
    record_class, writer, data = bad_messages()[name]
    site, run = RUN.tokens
    await client.jetstream().publish(f"metrics.{site}.{run}.{record_class}.{writer}", data)
    await send(client, 0, 5)
    async with running() as owner:
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
        assert owner.unreadable == 1
    assert place.indexes == {(RUN, KEY): list(range(5))}


async def test_a_bad_message_is_reported_once_and_not_for_each_copy(
    client: Client, place: Place, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), b"junk")
    await send(client, 0, 1)
    async with running() as owner:
        await place.until(RUN, KEY, 1)
        await acknowledged(client)
        assert owner.unreadable == 20
    assert sum("is not an envelope" in record.message for record in caplog.records) == 1


async def test_the_site_of_a_record_is_that_of_the_subject_whatever_the_body_says(
    client: Client, place: Place, running: Running
) -> None:
    liar = Record(Kind.SCALAR, "metrics.victim.job.scalars", 1.0, 1.7e9, 0, context="victim")
    envelope = encode_envelope(WRITER, SCALARS, 0, [pack_record(liar)], experiment="victim")
    await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), envelope)
    async with running():
        await place.until(RUN, KEY, 1)
    assert place.committed.keys() == {RUN}


async def test_a_token_in_a_second_spelling_is_not_taken_for_the_site(
    client: Client, place: Place, running: Running
) -> None:
    # "clini=63" would read as "clinic", another's name.
    for spelling in ("clini=63", "clinic=2"):
        await client.jetstream().publish(f"metrics.{spelling}.job.scalars.{WRITER}", body(0, 3))
    await send(client, 0, 1)
    async with running():
        await place.until(RUN, KEY, 1)
    assert place.indexes[RUN, KEY] == [0]
