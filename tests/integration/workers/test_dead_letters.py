"""Records that the tracker refuses: in the dead letters, with their neighbours in the tracker, whoever dies."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.broker_config.errors import BrokerTimeout
from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.schemas.codec import pack_record
from sitewire.schemas.dead_letter import HoleNote, MessageLetter, Place, RecordLetter, decode_letter, encode_letter
from sitewire.schemas.receipt import StreamKey
from sitewire.workers import parking, point
from sitewire.workers.dead_letters import DeadLetters
from sitewire.workers.errors import BatchRefused
from sitewire.workers.point import Point
from support.memory_sink import Place as Tracker
from support.memory_sink import Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, receipt_of, scalar, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def stored(client: Client) -> list[RecordLetter | MessageLetter | HoleNote]:
    found = [decode_letter(item.subject, item.data) for item in await read_latest(client, DEAD_STREAM)]
    return sorted(found, key=lambda item: item.sequence if isinstance(item, MessageLetter) else item.place.index)


async def refused(client: Client) -> list[int]:
    return [letter.place.index for letter in await stored(client) if isinstance(letter, RecordLetter)]


def refuse(place: Tracker, *steps: int) -> None:
    place.refuses = lambda record: record.step in steps


@pytest.mark.parametrize("steps", [(0,), (29,), (10, 11), tuple(range(0, 30, 10)), tuple(range(30))])
async def test_a_refused_record_is_a_dead_letter_and_its_neighbours_are_delivered_in_order(
    client: Client, place: Tracker, running: Running, steps: tuple[int, ...]
) -> None:
    refuse(place, *steps)
    for first in range(0, 30, 10):
        await send(client, first, first + 10)
    async with running():
        await place.until(RUN, KEY, 30)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [index for index in range(30) if index not in steps]
    assert await refused(client) == list(steps)
    receipt = await receipt_of(client)
    position = receipt.positions[KEY]
    assert (position.delivered, position.dead_letters, position.next) == (30 - len(steps), len(steps), 30)
    assert receipt.duplicates == 0


async def test_a_letter_says_what_was_refused_why_and_by_whom(client: Client, place: Tracker, running: Running) -> None:
    refuse(place, 3)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
    (letter,) = await stored(client)
    assert isinstance(letter, RecordLetter)
    assert letter.place == Place("hq", RUN, KEY, 3)
    assert (letter.record, letter.experiment, letter.sink) == (scalar(3), "default", "memory:")
    assert (letter.error, letter.reason) == ("BatchRefused", "the tracker does not take 'loss' at step 3")


async def test_a_run_that_has_passed_is_written_in_large_batches_again(
    client: Client, place: Tracker, running: Running
) -> None:
    refuse(place, 3)
    await send(client, 0, 2000)
    async with running():
        await place.until(RUN, KEY, 2000)
        assert place.log.count("write") < 60
        before = place.log.count("write")
        await send(client, 2000, 4000)
        await place.until(RUN, KEY, 4000)
        assert place.log.count("write") - before < 10


async def test_the_runs_beside_one_that_is_refused_go_on(client: Client, place: Tracker, running: Running) -> None:
    (other,) = neighbours(1)
    refuse(place, 0, 1, 2, 3, 4)
    await send(client, 0, 8)
    await send(client, 5, 9, run=other)
    async with running(start=1):  # so that the other one begins at 5
        await place.until(other, KEY, 9)
        await place.until(RUN, KEY, 8)
    assert place.indexes == {(RUN, KEY): [5, 6, 7], (other, KEY): [5, 6, 7, 8]}


async def test_a_run_of_which_much_is_refused_is_parked_rather_than_hold_up_its_neighbours(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "LARGE", 1000)
    monkeypatch.setattr(parking, "LOOK_EVERY", 0.02)
    refuse(place, *range(0, 600, 2))
    for first in range(0, 600, 5):
        await send(client, first, first + 5)
    (other,) = neighbours(1)
    async with running() as owner:
        while RUN not in owner._runs or not owner._runs[RUN][0].parked:
            await asyncio.sleep(0.01)
        await send(client, 700, 705, run=other)
        await tell(client, {SCALARS: (705, 705, 700)}, run=other)
        await place.until(other, KEY, 705)
        await place.until(RUN, KEY, 600)
    assert place.indexes[RUN, KEY] == list(range(1, 600, 2))
    assert await refused(client) == list(range(0, 600, 2))
    assert (await receipt_of(client)).duplicates == 0


class DiedError(Exception):
    pass


@pytest.mark.parametrize("number", range(3))
async def test_an_owner_that_dies_behind_a_letter_leaves_it_to_the_next_which_does_not_ask_again(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(place, 3, 4, 7)
    await send(client, 0, 10)
    reached = 0
    died = asyncio.Event()

    def die(at: Point) -> None:
        nonlocal reached
        if at is Point.LETTER_PUBLISHED and not died.is_set():
            reached += 1
            if reached > number:
                died.set()
                raise asyncio.CancelledError

    monkeypatch.setattr(point, "_handlers", [die])
    with pytest.raises(ExceptionGroup):  # noqa: PT012  it is this block that dies
        async with running():
            await died.wait()
            raise DiedError
    assert len(await refused(client)) == number + 1
    place.refuses = lambda record: record.step == 7  # mended for the others: what is dead stays so all the same
    async with running():
        await place.until(RUN, KEY, 10)
        await acknowledged(client)
    dead = [3, 4, 7] if number else [3, 7]
    assert await refused(client) == dead
    assert place.indexes[RUN, KEY] == [index for index in range(10) if index not in dead]
    assert (await receipt_of(client)).positions[KEY].dead_letters == len(dead)


async def test_letters_of_another_place_and_of_committed_indexes_decide_nothing(
    client: Client, place: Tracker, running: Running
) -> None:
    refuse(place, 2)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    context = client.jetstream()
    for index, sink in ((7, "memory:elsewhere"), (2, "memory:")):
        packed = pack_record(scalar(index))
        letter = RecordLetter(Place("hq", RUN, KEY, index), "no", "BatchRefused", sink, 1.0, "default", packed)
        await context.publish(letter.subject, encode_letter(letter))
    await context.publish(Place("hq", RUN, KEY, 8).subject("record"), b"\xc1 garbage")
    place.refuses = lambda _: False
    await send(client, 5, 10)
    async with running():
        await place.until(RUN, KEY, 10)
    assert place.indexes[RUN, KEY] == [0, 1, 3, 4, 5, 6, 7, 8, 9]


async def test_a_record_for_which_there_is_no_room_waits_and_nothing_of_its_run_is_passed_over(
    client: Client, place: Tracker, running: Running
) -> None:
    config = (await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["config"]
    await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", {**config, "max_bytes": 10})
    refuse(place, 3)
    await send(client, 0, 5)
    (other,) = neighbours(1)
    await send(client, 0, 2, run=other)  # its steps are not refused
    async with running() as owner:
        await place.until(RUN, KEY, 3)
        await place.until(other, KEY, 2)
        while not any("maximum bytes" in (delivery.trouble.text or "") for delivery, _ in owner._runs.values()):
            await asyncio.sleep(0.02)
        assert place.committed[RUN][KEY].next == 3
        await ask(client, f"STREAM.UPDATE.{DEAD_STREAM}", config)
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    assert place.indexes[RUN, KEY] == [0, 1, 2, 4]
    assert await refused(client) == [3]


async def test_a_sink_that_refuses_a_commit_is_bisected_as_well(
    client: Client, place: Tracker, running: Running
) -> None:
    place.on_commit.append(BatchRefused("not as a whole"))
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
    assert place.indexes[RUN, KEY] == list(range(5))
    assert await refused(client) == []


async def test_a_letter_whose_answer_is_lost_decides_all_the_same(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(place, 3)
    publish = DeadLetters._publish

    async def lose_the_answer(self: DeadLetters, letter: RecordLetter) -> None:
        await publish(self, letter)
        refuse(place)  # and the tracker would take it now
        monkeypatch.setattr(DeadLetters, "_publish", publish)
        raise BrokerTimeout

    monkeypatch.setattr(DeadLetters, "_publish", lose_the_answer)
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    assert await refused(client) == [3]
    assert place.indexes[RUN, KEY] == [0, 1, 2, 4]
