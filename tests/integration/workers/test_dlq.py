"""Dead letters sent again and dropped: each record once, whoever is killed where, and with two at it at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.errors import StreamFull
from sitewire.broker_config.jetstream_api import ask
from sitewire.broker_config.model import Broker, Collect, Config, Embedded, Route, SinkConfig
from sitewire.broker_config.names import DEAD_STREAM, RETRIES_STREAM
from sitewire.deploy.accounting import RunRow, read_rows
from sitewire.deploy.dead_letters.box import Kept, Selection, read_box
from sitewire.deploy.dead_letters.dispatch import Dispatch, Outcome
from sitewire.deploy.dead_letters.ledger import Ledger
from sitewire.deploy.errors import RetryUnreadable
from sitewire.schemas.codec import decode_envelope, encode_envelope, pack_record
from sitewire.schemas.dead_letter import MessageLetter, Place, RecordLetter, encode_letter
from sitewire.schemas.envelope import Envelope
from sitewire.schemas.errors import UnknownVersion
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.retry import RetrySubject
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers import arrival, gaps, point, run_delivery
from sitewire.workers.point import Point
from sitewire.workers.sinks.null import NullOptions
from support.memory_sink import Place as Tracker
from support.memory_sink import Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, receipt_of, scalar, send, tell

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)
COUNT = 30
REFUSED = tuple(range(0, COUNT, 3))


def config(place: str = "memory:", name: str = "hq") -> Config:
    route = Route(name, ("metrics.>",), "beginning", SinkConfig("null", NullOptions(), Path("/"), place))
    return Config(
        Path("sitewire.yaml"), Broker(embedded=Embedded(store=Path("/tmp"))), Collect(spool=Path("/tmp")), (route,)
    )


async def box(client: Client, selection: Selection = Selection()) -> list[Kept]:  # noqa: B008  it is frozen
    return [kept async for kept in read_box(client, selection)]


async def retry(client: Client, selection: Selection = Selection()) -> Outcome:  # noqa: B008  it is frozen
    return await Dispatch(Ledger(client), config()).retry(await box(client, selection))


async def drop(client: Client) -> Outcome:
    return await Dispatch(Ledger(client), config()).drop(await box(client))


async def refuse_some(client: Client, place: Tracker, running: Running) -> None:
    """Leave dead letters, with the receipt out."""
    place.refuses = lambda record: record.step in REFUSED
    await send(client, 0, COUNT)
    await tell(client, {SCALARS: (COUNT, COUNT, 0)}, alive=False, ended=True)
    async with running():
        await place.until(RUN, KEY, COUNT)
        await acknowledged(client)
    assert len(await box(client)) == len(REFUSED)


async def row(client: Client) -> RunRow:
    (found,) = await read_rows(client, config())
    assert found.sent == found.delivered + found.refused + found.filtered + found.dead_letters + found.gaps + (
        found.pending
    )
    return found


async def all_settled(client: Client) -> None:
    """Wait until all that was sent again has met its fate and is in the receipt."""
    async with asyncio.timeout(40):
        while True:
            consumers = (await ask(client, f"CONSUMER.LIST.{RETRIES_STREAM}", {"offset": 0}))["consumers"]
            if not any(item["num_pending"] or item["num_ack_pending"] for item in consumers):
                return
            await asyncio.sleep(0.02)


async def test_a_tracker_that_was_mended_gets_what_it_had_refused_once(
    client: Client, place: Tracker, running: Running
) -> None:
    await refuse_some(client, place, running)
    assert (await row(client)).state == "short"
    place.refuses = lambda _: False
    outcome = await retry(client)
    assert (outcome.done, outcome.gone, outcome.left) == (len(REFUSED), 0, {})
    assert await box(client) == []
    assert (await row(client)).dead_letters == len(REFUSED)  # on its way, and still what it was
    async with running():
        await all_settled(client)
    assert sorted(place.steps[RUN]) == list(range(COUNT))
    found = await row(client)
    assert (found.logged, found.sent, found.delivered, found.dead_letters) == (COUNT, COUNT, COUNT, 0)
    assert found.state == "complete"


async def test_what_is_refused_again_is_a_dead_letter_again_and_can_be_sent_again(
    client: Client, place: Tracker, running: Running
) -> None:
    await refuse_some(client, place, running)
    for _ in range(2):
        assert (await retry(client)).done == len(REFUSED)
        async with running():
            await all_settled(client)
        assert len(await box(client)) == len(REFUSED)
        assert (await row(client)).dead_letters == len(REFUSED)
    place.refuses = lambda _: False
    await retry(client)
    async with running():
        await all_settled(client)
    assert sorted(place.steps[RUN]) == list(range(COUNT))
    assert len((await receipt_of(client)).positions) == 2, "one numbering for all that is sent again"
    assert (await row(client)).delivered == COUNT


async def test_only_what_is_chosen_is_sent_again(client: Client, place: Tracker, running: Running) -> None:
    await refuse_some(client, place, running)
    first, *_ = await box(client)
    assert (await retry(client, Selection(ids=[first.id, 10_000]))).done == 1
    assert (await retry(client, Selection(site="another"))).done == 0
    assert (await retry(client, Selection(run=RUN.run, route="another"))).done == 0
    assert len(await box(client)) == len(REFUSED) - 1
    assert (await retry(client, Selection(run=RUN.run, site=RUN.site, route="hq"))).done == len(REFUSED) - 1


class DiedError(Exception):
    pass


@pytest.mark.parametrize("at", [Point.RETRY_PUBLISHED, Point.LETTER_DELETED])
@pytest.mark.parametrize("number", [1, 5])
async def test_a_retry_that_is_killed_anywhere_and_run_again_sends_each_once(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch, at: Point, number: int
) -> None:
    monkeypatch.setattr("sitewire.schemas.limits.MAX_RETRY_LETTERS", 2)
    await refuse_some(client, place, running)
    place.refuses = lambda _: False
    seen = 0

    def die(reached: Point) -> None:
        nonlocal seen
        seen += reached is at
        if reached is at and seen == number:
            raise DiedError

    monkeypatch.setattr(point, "_handlers", [die])
    with pytest.raises(DiedError):
        await retry(client)
    monkeypatch.setattr(point, "_handlers", [])
    await retry(client)
    assert await box(client) == []
    async with running():
        await all_settled(client)
    assert sorted(place.steps[RUN]) == list(range(COUNT))
    assert (await row(client)).delivered == COUNT


async def test_a_retry_killed_while_a_worker_delivers_leaves_letters_that_the_next_one_does_not_send(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    await refuse_some(client, place, running)
    place.refuses = lambda _: False

    def die(reached: Point) -> None:
        if reached is Point.RETRY_PUBLISHED:
            raise DiedError

    async with running():
        monkeypatch.setattr(point, "_handlers", [die])
        with pytest.raises(DiedError):
            await retry(client)
        monkeypatch.setattr(point, "_handlers", [])
        await all_settled(client)
    assert len(await box(client)) == len(REFUSED)
    assert (await drop(client)).done == 0, "what was delivered is not dropped"
    assert await box(client) == []
    assert sorted(place.steps[RUN]) == list(range(COUNT))


async def test_two_who_send_again_at_once_send_each_once(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sitewire.schemas.limits.MAX_RETRY_LETTERS", 2)
    await refuse_some(client, place, running)
    place.refuses = lambda _: False
    letters = await box(client)
    others = [Dispatch(Ledger(client), config()).retry(order) for order in (letters, letters[::-1], letters)]
    async with running():
        outcomes = await asyncio.gather(*others)
        await all_settled(client)
    assert sum(outcome.done for outcome in outcomes) == len(REFUSED)
    assert sum(outcome.gone for outcome in outcomes) == 2 * len(REFUSED)
    assert await box(client) == []
    assert sorted(place.steps[RUN]) == list(range(COUNT))


async def test_a_letter_whose_index_its_worker_has_not_counted_yet_is_left(
    client: Client, place: Tracker, running: Running
) -> None:
    await refuse_some(client, place, running)
    packed = pack_record(scalar(COUNT + 1))
    early = RecordLetter(
        Place("hq", RUN, StreamKey(WRITER, SCALARS), COUNT + 1), "no", "X", "memory:", 1.0, "default", packed
    )
    await client.jetstream().publish(early.subject, encode_letter(early))
    for outcome in (await retry(client), await drop(client)):
        assert [*outcome.left.values()] == ["its index is not in the receipt yet; try again in a second"]
    assert [kept.letter for kept in await box(client)] == [early]


async def test_what_is_dropped_is_lost_and_stays_counted(client: Client, place: Tracker, running: Running) -> None:
    await refuse_some(client, place, running)
    assert (await drop(client)).done == len(REFUSED)
    assert await box(client) == []
    found = await row(client)
    assert (found.dead_letters, found.state) == (len(REFUSED), "short")


async def test_a_place_that_never_refused_a_record_is_not_sent_it(
    client: Client, place: Tracker, running: Running
) -> None:
    await refuse_some(client, place, running)
    for elsewhere in (config("memory:another"), config(name="renamed")):
        outcome = await Dispatch(Ledger(client), elsewhere).retry(await box(client))
        assert outcome.done == 0
        assert set(outcome.left.values()) == {"no route of the file is called `hq` and writes to memory:"}
    outcome = await Dispatch(Ledger(client), config("memory:another")).drop(await box(client))
    assert outcome.done == len(REFUSED)


async def test_garbage_among_the_letters_is_shown_left_and_can_be_dropped(client: Client) -> None:
    await client.jetstream().publish("dead.hq.message.7", b"\xc1")
    (kept,) = await box(client)
    assert kept.letter is None
    outcome = await retry(client)
    assert "cannot be read" in outcome.left[kept.id]
    assert (await drop(client)).done == 1


async def test_a_retry_of_a_newer_build_is_not_guessed_at(client: Client, place: Tracker, running: Running) -> None:
    await refuse_some(client, place, running)
    await client.jetstream().publish(str(RetrySubject("hq", RUN, SCALARS)), b"\x81\xa1v\x02")
    for attempt in (retry, drop):
        with pytest.raises(RetryUnreadable, match="version"):
            await attempt(client)
    assert len(await box(client)) == len(REFUSED)


async def test_without_room_for_retries_the_letters_stay(client: Client, place: Tracker, running: Running) -> None:
    await refuse_some(client, place, running)
    kept = (await ask(client, f"STREAM.INFO.{RETRIES_STREAM}"))["config"]
    await ask(client, f"STREAM.UPDATE.{RETRIES_STREAM}", {**kept, "max_bytes": 10})
    with pytest.raises(StreamFull):
        await retry(client)
    assert len(await box(client)) == len(REFUSED)
    await ask(client, f"STREAM.UPDATE.{RETRIES_STREAM}", kept)
    assert (await retry(client)).done == len(REFUSED)


def future(monkeypatch: pytest.MonkeyPatch, *, read: bool) -> None:
    """Have the worker be of a build that cannot read records called ``future``, or of one that can."""

    def decode(data: bytes, subject: Subject) -> Envelope:
        envelope = decode_envelope(data, subject)
        if not read and any(record.name == "future" for record in envelope.records):
            raise UnknownVersion(2)
        return envelope

    monkeypatch.setattr(arrival, "decode_envelope", decode)
    monkeypatch.setattr(gaps, "LOOK_AGAIN", 0.05)
    monkeypatch.setattr(run_delivery, "LOOK_AGAIN", 0.05)


async def send_future(client: Client, first: int, end: int) -> None:
    packed = [pack_record(scalar(index, "future")) for index in range(first, end)]
    data = encode_envelope(WRITER, SCALARS, first, packed)
    await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), data)


@pytest.mark.parametrize("last", [True, False])
async def test_messages_of_a_newer_build_are_delivered_when_the_workers_are_newer_too(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    future(monkeypatch, read=False)
    end = 15 if last else 20
    await send(client, 0, 5)
    for first, stop in ((5, 8), (6, 12), (12, 15), (12, 15)):  # sent twice in part: no acknowledgement had come
        await send_future(client, first, stop)
    if not last:
        await send(client, 15, 20)
    await tell(client, {SCALARS: (end, end, 0)}, alive=False, ended=True)
    async with running():
        await place.until(RUN, KEY, end)
        await acknowledged(client)
    found = await row(client)
    assert (found.delivered, found.holes, found.pending) == (end - 10, {"damaged": 10}, 0)
    future(monkeypatch, read=True)
    outcome = await retry(client)
    assert (outcome.done, outcome.left) == (4, {})
    async with running():
        await all_settled(client)
    assert Counter(place.steps[RUN]) == Counter(range(end))
    found = await row(client)
    assert (found.delivered, found.holes, found.state) == (end, {}, "complete")
    assert await leftovers(client) == 0


@pytest.mark.parametrize("at", [Point.RETRY_PUBLISHED, Point.LETTER_DELETED])
@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_retry_of_messages_that_is_killed_and_run_again_sends_each_record_once(
    client: Client, place: Tracker, running: Running, monkeypatch: pytest.MonkeyPatch, at: Point, number: int
) -> None:
    future(monkeypatch, read=False)
    await send(client, 0, 5)
    for first, stop in ((5, 10), (8, 12), (10, 15)):
        await send_future(client, first, stop)
    await send(client, 15, 20)
    await tell(client, {SCALARS: (20, 20, 0)}, alive=False, ended=True)
    async with running():
        await place.until(RUN, KEY, 20)
        await acknowledged(client)
    future(monkeypatch, read=True)
    seen = 0

    def die(reached: Point) -> None:
        nonlocal seen
        seen += reached is at
        if reached is at and seen == number:
            raise DiedError

    monkeypatch.setattr(point, "_handlers", [die])
    with pytest.raises(DiedError):
        await retry(client)
    monkeypatch.setattr(point, "_handlers", [])
    await retry(client)
    async with running():
        await all_settled(client)
    assert Counter(place.steps[RUN]) == Counter(range(20))
    assert (await row(client)).state == "complete"
    assert await leftovers(client) == 0


async def test_a_message_that_no_build_can_read_is_left_with_the_reason(
    client: Client, place: Tracker, running: Running
) -> None:
    await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), b"junk")
    await client.jetstream().publish(".".join(("metrics", *RunKey("clinic", "job").tokens, "scalars", "me")), b"junk")
    await send(client, 0, 5)
    async with running():
        await place.until(RUN, KEY, 5)
        await acknowledged(client)
    outcome = await retry(client)
    assert outcome.done == 0
    assert all("this build cannot read it either" in why for why in outcome.left.values())
    assert [isinstance(kept.letter, MessageLetter) for kept in await box(client)] == [True, True]
    assert (await drop(client)).done == 2


async def leftovers(client: Client) -> int:
    """Return how many messages the stream of dead letters has, notes included."""
    return int((await ask(client, f"STREAM.INFO.{DEAD_STREAM}"))["state"]["messages"])
