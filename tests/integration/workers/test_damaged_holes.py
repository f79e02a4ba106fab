"""What unreadable messages held: damaged holes, noted before they are counted."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.schemas.hole import HoleName
from sitewire.schemas.receipt import StreamKey
from sitewire.workers import gaps, point, run_delivery
from sitewire.workers.point import Point
from support.memory_sink import Place, Running
from support.stream import (
    RUN,
    SCALARS,
    WRITER,
    acknowledged,
    receipt_of,
    send,
    tell,
)
from support.unreadable import junk, letters, notes, pending

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_what_an_unreadable_message_held_is_a_damaged_hole_at_once_when_all_was_stored(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await send(client, 0, 5)
    await junk(client, 2)
    await send(client, 10, 15)
    await tell(client, {SCALARS: (15, 9, 0)})  # the spool still has all of it, and the stream not all
    async with running():
        await place.until(RUN, KEY, 5)
        await asyncio.sleep(0.3)  # several looks
        assert place.committed[RUN][KEY].next == 5
        await tell(client, {SCALARS: (15, 15, 0)})
        await place.until(RUN, KEY, 15)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [*range(5), *range(10, 15)]
    assert (await receipt_of(client)).positions[KEY].holes == {HoleName.DAMAGED: 5}
    assert await notes(client) == [(5, 10)]


async def test_an_old_unreadable_message_does_not_make_a_later_gap_damaged(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await junk(client)
    await send(client, 0, 5)
    await junk(client)
    await send(client, 5, 8)
    async with running():
        await place.until(RUN, KEY, 8)
        await acknowledged(client)
    await send(client, 10, 15)
    await tell(client, {SCALARS: (15, 15, 0)})
    async with running():  # a next owner, which looks from the beginning
        await asyncio.sleep(0.5)  # several looks
        assert place.committed[RUN][KEY].next == 8
        await send(client, 8, 10)  # the publisher had noticed
        await place.until(RUN, KEY, 15)
    assert place.indexes[RUN, KEY] == list(range(15))


@pytest.mark.parametrize("before", [0, 5])
async def test_the_last_message_of_a_writer_is_missed_though_nothing_follows_it(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    if before:
        await send(client, 0, before)
    await junk(client)
    await tell(client, {SCALARS: (8, 8, 0)}, alive=False, ended=True)
    async with running():
        await place.until(RUN, KEY, 8)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == list(range(before))
    assert (await receipt_of(client)).positions[KEY].holes == {HoleName.DAMAGED: 8 - before}
    assert await notes(client) == [(before, 8)]


async def test_an_unreadable_message_that_left_nothing_missing_makes_no_hole(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await send(client, 0, 5)
    await junk(client)
    await tell(client, {SCALARS: (5, 5, 0)}, alive=True)
    async with running():
        await place.until(RUN, KEY, 5)
        await asyncio.sleep(0.3)
        assert (await pending(client)) == 1  # the account may be older than the message
        await tell(client, {SCALARS: (5, 5, 0)}, alive=False, ended=True)
        await acknowledged(client)
    assert place.committed[RUN][KEY].holes == {}
    assert await notes(client) == []


async def test_an_owner_that_stops_before_it_knows_leaves_the_message_to_the_next(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await send(client, 0, 5)
    await junk(client)
    async with running():
        await place.until(RUN, KEY, 5)
        while not await letters(client):
            await asyncio.sleep(0.02)
    await tell(client, {SCALARS: (8, 8, 0)}, alive=False, ended=True)
    async with running():
        await place.until(RUN, KEY, 8)
        await acknowledged(client)
    assert place.committed[RUN][KEY].holes == {HoleName.DAMAGED: 3}
    assert len(await letters(client)) == 1


async def test_what_is_sent_again_in_part_leaves_the_rest_of_an_unreadable_message_a_damaged_hole(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    await send(client, 0, 10)
    await junk(client)
    await send(client, 20, 30)
    await send(client, 10, 15)
    await tell(client, {SCALARS: (30, 30, 0)})
    async with running():
        async with asyncio.timeout(10):
            await place.until(RUN, KEY, 30)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [*range(15), *range(20, 30)]
    assert await notes(client) == [(15, 20)]


async def test_what_comes_again_for_a_hole_that_is_noted_and_not_committed_stays_a_hole(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "TRY_AGAIN", 0.1)
    noted = asyncio.Event()

    def break_it(at: Point) -> None:
        if at is Point.HOLE_NOTED and not noted.is_set():
            noted.set()
            place.broken.add(RUN)

    monkeypatch.setattr(point, "_handlers", [break_it])
    await send(client, 0, 10)
    await junk(client)
    await send(client, 20, 30)
    await tell(client, {SCALARS: (30, 30, 0)})
    async with running() as owner:
        await noted.wait()
        delivery, _ = owner._runs[RUN]
        await delivery.park()  # what is read anew knows nothing of the hole
        await send(client, 10, 15)
        place.broken.clear()
        await place.until(RUN, KEY, 30)
        await acknowledged(client)
    assert (10, 20) in await notes(client)  # so that is what a retry of the message delivers
    assert place.indexes[RUN, KEY] == [*range(10), *range(20, 30)]
    assert (await receipt_of(client)).positions[KEY].holes == {HoleName.DAMAGED: 10}
