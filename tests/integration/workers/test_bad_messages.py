"""Messages that are no envelopes: put aside, reported, and nobody's trouble."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.jetstream_api import Json, ask
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.retry import RetryOf, new_retry_writer
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers import dead_letters, gaps, route, setting_aside
from sitewire.workers.dead_letters import DeadLetters
from support.memory_sink import Place, Running
from support.stream import (
    RUN,
    SCALARS,
    WRITER,
    acknowledged,
    body,
    neighbours,
    partition_of,
    scalar,
    send,
)
from support.unreadable import junk, letters, pending

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


async def without_room(client: Client) -> Json:
    """Have the dead letters take none; return what they were like."""
    config: Json = (await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["config"]
    await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", {**config, "max_bytes": 10})
    return config


@pytest.mark.parametrize("name", bad_messages())
async def test_a_message_that_is_no_envelope_is_put_aside_and_stops_nobody(
    client: Client, place: Place, running: Running, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "UNACCOUNTED", 0.2)  # nobody accounts for the one that names another class
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    record_class, writer, data = bad_messages()[name]
    site, run = RUN.tokens
    await client.jetstream().publish(f"metrics.{site}.{run}.{record_class}.{writer}", data)
    await send(client, 0, 5)
    async with running() as owner:
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
        assert owner.unreadable == 1
    assert place.indexes == {(RUN, KEY): list(range(5))}
    (letter,) = await letters(client)
    assert (letter.sequence, letter.data, letter.size) == (1, data, len(data))
    assert letter.stored == f"metrics.{partition_of(RUN)}.{site}.{run}.{record_class}.{writer}"


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


async def test_a_collector_cannot_speak_as_the_writer_of_a_retry(
    client: Client, place: Place, running: Running
) -> None:
    forged = new_retry_writer(RetryOf.RECORDS)
    await send(client, 0, 3, writer=forged)
    await send(client, 0, 3)
    async with running():
        await place.until(RUN, KEY, 3)
        await acknowledged(client)
    assert place.indexes == {(RUN, KEY): [0, 1, 2]}
    assert len(await letters(client)) == 1


async def test_a_subject_or_header_whose_bytes_are_no_text_kills_no_connection(
    client: Client, place: Place, running: Running
) -> None:
    # nats-py reads subjects as UTF-8 and gives the connection up over one that is none; a server takes them.
    run = next(
        run for run in (RunKey("clinic", f"x{at}") for at in range(99)) if partition_of(run) == partition_of(RUN)
    )
    site, name = run.tokens
    await client._send_command(b"PUB metrics.%s.%s.scalars.\xff\xfe 2\r\nhi\r\n" % (site.encode(), name.encode()))
    header = b"NATS/1.0 503 \xff\r\n\r\n"
    subject = str(Subject(RUN, SCALARS, WRITER)).encode()
    await client._send_command(b"HPUB %s %d %d\r\n%shi\r\n" % (subject, len(header), len(header) + 2, header))
    await client.flush()
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    assert [letter.data for letter in await letters(client)] == [b"hi", b"hi"]


async def test_unreadable_messages_for_which_there_is_no_room_wait_and_stop_nobody(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setting_aside, "AGAIN_WITHOUT_ROOM", 0.2)
    config = await without_room(client)
    await junk(client, 5)
    await send(client, 0, 5)
    (other,) = neighbours(1)
    await send(client, 0, 5, run=other)
    async with running():
        await place.until(RUN, KEY, 5)
        await place.until(other, KEY, 5)
        assert await pending(client) >= 5
        await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", config)
        await acknowledged(client)
    assert sorted(letter.sequence for letter in await letters(client)) == [1, 2, 3, 4, 5]


async def test_while_there_is_no_room_one_asks_for_all(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, keep = [0], DeadLetters.keep

    async def counted(letters: DeadLetters, *letter: Any) -> None:
        asked[0] += 1
        await keep(letters, *letter)

    monkeypatch.setattr(DeadLetters, "keep", counted)
    await without_room(client)
    await junk(client, 200)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        assert await pending(client) >= 200
    assert asked[0] <= 40  # eight at a time are on their way before the first is refused; each second one asks again


async def test_so_many_of_them_that_the_server_would_give_no_others_are_let_go_one_by_one(
    client: Client,
    place: Place,
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(setting_aside, "MOST_WAITING", 3)
    await without_room(client)
    await junk(client, 10)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
    said = [record.message for record in caplog.records if "cannot be read and is not kept" in record.message]
    assert [message.rpartition(" ")[2] for message in said] == ["1", "2", "4"]  # of 7


async def test_the_bytes_of_messages_that_wait_for_a_verdict_are_not_held(
    client: Client, place: Place, running: Running
) -> None:
    await junk(client, data=b"junk" * 1000)
    async with running() as owner:
        while RUN not in owner._runs:
            await asyncio.sleep(0.01)
        delivery, _ = owner._runs[RUN]
        (held,) = delivery._suspicions._last.values()
        assert held.message.data == b""
    assert [len(letter.data) for letter in await letters(client)] == [4000]


async def test_of_a_parked_run_no_more_of_them_wait_than_there_are_numberings(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "KEEP_ALIVE", 0.05)
    await send(client, 0, 5)
    async with running() as owner:
        place.gates[RUN] = asyncio.Event()
        while RUN not in owner._runs or not owner._runs[RUN][0].messages:
            await asyncio.sleep(0.01)
        await owner._runs[RUN][0].park()
        await junk(client, 5)
        async with asyncio.timeout(10):
            while len(await letters(client)) < 5 or await pending(client) != 1:
                await asyncio.sleep(0.02)
        place.gates[RUN].set()


async def test_another_stream_may_have_another_message_under_the_number_of_one_that_is_kept(
    client: Client, running: Running
) -> None:
    generation = 0
    await junk(client)
    async with running(generation=lambda: generation), asyncio.timeout(20):
        while not await letters(client):
            await asyncio.sleep(0.02)
        await ask(client, f"STREAM.PURGE.{DEAD_STREAM}")  # as if the store were an older one
        generation = 1
        while not await letters(client):  # under the same number, which was kept in another store
            await asyncio.sleep(0.02)


async def test_they_leave_half_of_the_stream_to_the_refused_records_of_all_sites(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "LOOK_BYTES", 1)
    config = (await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["config"]
    await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", {**config, "max_bytes": 100_000})
    (other,) = neighbours(1)
    place.refuses = lambda record: record.step == 3
    await junk(client, 30, data=b"junk" * 2000)
    await send(client, 0, 5, run=other)
    async with running():
        async with asyncio.timeout(10):
            await place.until(other, KEY, 5)
        assert 4 < len(await letters(client)) < 9
    assert place.indexes[other, KEY] == [0, 1, 2, 4]


async def test_one_for_which_there_is_no_room_for_long_is_let_go_since_it_holds_the_stream(
    client: Client,
    place: Place,
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(setting_aside, "AGAIN_WITHOUT_ROOM", 0.1)
    monkeypatch.setattr(setting_aside, "WAIT_AT_MOST", 0.5)
    await without_room(client)
    await junk(client)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    assert sum("cannot be read and is not kept" in record.message for record in caplog.records) == 1
