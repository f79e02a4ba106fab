"""The sink is told how a run stands: once for each change, when all of it is committed, whoever died in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

import pytest
from nats.aio.client import Client

from sitewire.broker_config.backoff import jitter
from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import BrokerTimeout
from sitewire.broker_config.names import PARKED_BUCKET, takes
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, Receipt, StreamKey, encode_receipt
from sitewire.schemas.record import RecordClass
from sitewire.schemas.subject import RunKey, account_subject, receipt_subject
from sitewire.workers import conclusion, end_watch, parking, run_delivery
from sitewire.workers.end_watch import EndWatch, Listener, RouteEnds
from sitewire.workers.errors import SinkUnavailable
from sitewire.workers.ownership.unit import ALONE
from sitewire.workers.route import RoutePartition
from sitewire.workers.run_delivery import RunDelivery
from sitewire.workers.stream import Stream
from support.memory_sink import MemorySink, Place
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, acknowledged, declare, partition_of, receipt_of, route, send

pytestmark = pytest.mark.nats

SECOND = "cd" * 16
KEY = StreamKey(WRITER, SCALARS)
Working = Callable[..., AbstractAsyncContextManager[None]]


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(end_watch, "PERIOD", 0.05)


@pytest.fixture
def working(client: Client, place: Place) -> Working:
    """``async with working():`` has a worker's watch and its partition of ``RUN`` run, and stopped in order."""

    @asynccontextmanager
    async def run(
        start: int | None = None,
        subjects: tuple[str, ...] = ("metrics.>",),
        generation: Callable[[], int] = int,
        name: str = "hq",
    ) -> AsyncIterator[None]:
        watch, stop = EndWatch(client, generation), asyncio.Event()
        ends = RouteEnds(watch, takes(subjects))
        owner = RoutePartition(client, name, partition_of(RUN), MemorySink(place), start, generation, ALONE, ends)
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            watching = group.create_task(watch.run())
            group.create_task(owner.run(stop))
            yield
            stop.set()
            watching.cancel()

    return run


def life(
    scalars: int,
    *,
    published: int | None = None,
    started: float = 1.0,
    stopped: float = 0.0,
    ended: bool = True,
    media: int = 0,
) -> Account:
    """Return an account; a writer that has not stopped lives."""
    classes = {SCALARS: ClassAccount(scalars, scalars if published is None else published, 0)}
    if media:
        classes[RecordClass.MEDIA] = ClassAccount(media, media, 0)
    return Account(classes, not stopped, bool(stopped) and ended, started=started, stopped=stopped)


async def tell(client: Client, account: Account, *, run: RunKey = RUN, writer: str = WRITER) -> None:
    await client.jetstream().publish(account_subject(run, writer), encode_account(account))


async def told(place: Place, *endings: Ending, run: RunKey = RUN) -> None:
    """Wait until the sink was told that, each once and in this order."""
    async with asyncio.timeout(20):
        while len(place.endings[run]) < len(endings):
            place.changed.clear()
            await place.changed.wait()
    assert [ending for ending, _ in place.endings[run]] == list(endings)


def finished(attempt: int = 1, time: float = 5.0) -> Ending:
    return Ending(EndingState.FINISHED, attempt, time)


def failed(attempt: int = 1, time: float = 5.0) -> Ending:
    return Ending(EndingState.FAILED, attempt, time)


async def test_a_run_is_concluded_when_its_writers_have_ended_and_all_that_they_assigned_is_committed(
    client: Client, place: Place, working: Working
) -> None:
    async with working():
        await send(client, 0, 10)
        await tell(client, life(20, published=10, stopped=5.0))
        await place.until(RUN, KEY, 10)
        await acknowledged(client)
        await send(client, 10, 20)
        await told(place, finished())
        assert place.endings[RUN][0][1] == {KEY: Position(delivered=20)}
        await until_noted(client, finished())


async def test_a_crash_that_is_found_long_after_the_last_record_fails_the_run(
    client: Client, place: Place, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_delivery, "IDLE", 0.1)
    async with working():
        await tell(client, life(10))
        await send(client, 0, 10)
        await place.until(RUN, KEY, 10)
        async with asyncio.timeout(20):  # until the run is let go
            while "close" not in place.log:
                await asyncio.sleep(0.02)
        await tell(client, life(10, stopped=5.0, ended=False))
        await told(place, failed())


async def test_while_nobody_answers_about_a_runs_end_its_records_go_on_and_it_is_asked_ever_more_rarely(
    client: Client, place: Place, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, read = [0], Stream.accounts

    async def unanswered(stream: Stream, run: RunKey) -> dict[str, Account]:
        asked[0] += 1
        if asked[0] <= 6:
            msg = "nobody has answered"
            raise BrokerTimeout(msg)
        return await read(stream, run)

    monkeypatch.setattr(Stream, "accounts", unanswered)
    monkeypatch.setattr(jitter, "uniform", lambda _, most: most)
    monkeypatch.setattr(conclusion, "FIRST", 0.05)
    async with working():
        await tell(client, life(400, stopped=5.0))
        for number in range(40):  # each would wait for its turn behind a pause
            await send(client, 10 * number, 10 * number + 10)
            async with asyncio.timeout(1):
                await place.until(RUN, KEY, 10 * number + 10)
        assert asked[0] <= 6
        await told(place, finished())
        assert asked[0] == 7


async def test_an_end_that_is_heard_while_the_accounts_are_being_read_is_not_lost(
    client: Client, place: Place, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, heard, end = Stream.accounts, RunDelivery.heard, asyncio.Event()

    async def slowly(stream: Stream, run: RunKey) -> dict[str, Account]:
        found = await accounts(stream, run)
        if not end.is_set():
            await tell(client, life(10, stopped=5.0))
            await end.wait()
        return found

    def hear(delivery: RunDelivery, writer: str, account: Account) -> None:
        heard(delivery, writer, account)
        if account.stopped:
            end.set()

    monkeypatch.setattr(Stream, "accounts", slowly)
    monkeypatch.setattr(RunDelivery, "heard", hear)
    async with working():
        await tell(client, life(10))
        await send(client, 0, 10)
        await told(place, finished())


async def test_an_end_that_came_before_the_accounts_are_read_anew_reaches_a_run_that_had_read_them_already(
    client: Client, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(end_watch, "PERIOD", 3600.0)
    accounts, read, connections = Stream.accounts, asyncio.Event(), [0]

    async def noticed(stream: Stream, run: RunKey) -> dict[str, Account]:
        found = await accounts(stream, run)
        read.set()
        return found

    monkeypatch.setattr(Stream, "accounts", noticed)
    watch, stop = EndWatch(client, lambda: connections[0]), asyncio.Event()
    ends, sink = RouteEnds(watch, takes(("metrics.>",))), MemorySink(place)
    owner = RoutePartition(client, "hq", partition_of(RUN), sink, None, int, ALONE, ends)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        watching = group.create_task(watch.run())
        group.create_task(owner.run(stop))
        await tell(client, life(10))
        await send(client, 0, 10)
        await read.wait()
        await tell(client, life(10, stopped=5.0))
        connections[0] += 1
        another = Listener("another", 0, "", None, ends.takes, lambda _: None, lambda *_: pytest.fail("not its run"))
        with watch.told(another):  # which has it look
            await told(place, finished())
        stop.set()
        watching.cancel()


async def test_a_resumed_run_is_opened_again_and_concluded_again(
    client: Client, place: Place, working: Working
) -> None:
    async with working():
        await send(client, 0, 10)
        await tell(client, life(10, stopped=5.0, ended=False))
        await told(place, failed())
        await tell(client, life(5, started=9.0), writer=SECOND)
        await send(client, 0, 5, writer=SECOND)
        await told(place, failed(), Ending(EndingState.RUNNING, 2, 9.0))
        await tell(client, life(5, started=9.0, stopped=12.0), writer=SECOND)
        await told(place, failed(), Ending(EndingState.RUNNING, 2, 9.0), finished(2, 12.0))


async def test_a_new_owner_tells_what_was_not_told_and_nothing_twice(
    client: Client, place: Place, working: Working
) -> None:
    async with working():
        await send(client, 0, 10)
        await place.until(RUN, KEY, 10)
        await acknowledged(client)
    await tell(client, life(10, stopped=5.0))
    async with working():
        await told(place, finished())
        await until_noted(client, finished())
    opened = place.opened[RUN]
    async with working():
        await see_all_accounts(client, place)
    assert place.opened[RUN] == opened
    await told(place, finished())


async def test_a_conclusion_that_fails_is_tried_again_as_a_write_is(
    client: Client, place: Place, working: Working
) -> None:
    place.on_conclude = [SinkUnavailable("no room"), RuntimeError("a fault")]
    async with working():
        await send(client, 0, 10)
        await tell(client, life(10, stopped=5.0))
        await told(place, finished())
        await until_noted(client, finished())
    assert place.opened[RUN] == 3


async def test_a_run_that_was_parked_when_it_ended_is_concluded_when_it_is_back(
    client: Client, place: Place, working: Working, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parking, "PARK_AFTER", 0.05)
    monkeypatch.setattr(parking, "LOOK_EVERY", 0.02)
    monkeypatch.setattr(run_delivery, "TRY_AGAIN", 0.1)
    bucket = Bucket(client, PARKED_BUCKET)
    async with working():
        await send(client, 0, 10)
        await tell(client, life(20, published=10, stopped=5.0))
        await place.until(RUN, KEY, 10)
        await see_all_accounts(client, place)
        place.broken.add(RUN)
        await send(client, 10, 20)
        await asyncio.sleep(0.1)
        await see_all_accounts(client, place, SECOND)  # another run of the partition, which goes on
        async with asyncio.timeout(20):
            while not await bucket.all():
                await asyncio.sleep(0.02)
        assert not place.endings[RUN]
        place.broken.clear()
        await told(place, finished())
        assert not await bucket.all()
        assert place.endings[RUN][0][1] == {KEY: Position(delivered=20)}


async def test_a_route_concludes_by_the_classes_that_it_reads(client: Client, place: Place, working: Working) -> None:
    async with working(subjects=("metrics.*.*.scalars.>",)):
        await send(client, 0, 10)
        await tell(client, life(10, media=7, stopped=5.0))
        await told(place, finished())


async def test_what_ended_before_the_routes_start_is_not_waited_for_and_what_came_after_it_is(
    client: Client, place: Place, working: Working
) -> None:
    await send(client, 0, 10, writer=SECOND)
    await declare(client, route("late", start="new"))
    start = await send(client, 0, 5)
    later = "ef" * 16
    await tell(client, life(10, stopped=4.0), writer=SECOND)
    await tell(client, life(5, stopped=5.0))
    await tell(client, life(3, published=0, stopped=6.0), writer=later)
    async with working(start=start, name="late"):
        await place.until(RUN, KEY, 5)
        await see_all_accounts(client, place)
        assert not place.endings[RUN]
        await send(client, 0, 3, writer=later)
        await tell(client, life(3, stopped=6.0), writer=later)
        await told(place, finished(1, 6.0))


async def test_a_broker_that_was_away_meanwhile_is_asked_again(
    client: Client, nats_server: NatsServer, place: Place, working: Working
) -> None:
    generation = 0
    async with working(generation=lambda: generation):
        await send(client, 0, 10)
        await place.until(RUN, KEY, 10)
        await acknowledged(client)
        await nats_server.restart_async()
        async with asyncio.timeout(30):
            while not client.is_connected:
                await asyncio.sleep(0.05)
        generation = 1  # as the worker counts a reconnect
        await tell(client, life(10, stopped=5.0))
        await told(place, finished())


async def test_a_worker_looks_at_no_run_that_was_concluded_before(
    client: Client, place: Place, working: Working
) -> None:
    old = [RunKey("clinic", f"old-{number}") for number in range(1500)]
    receipt = Receipt("memory:", {KEY: Position(delivered=10)}, ending=finished())
    await publish(client, {account_subject(run, WRITER): encode_account(life(10, stopped=5.0)) for run in old})
    await publish(client, {receipt_subject("hq", run): encode_receipt(receipt) for run in old})
    due = next(run for run in old if partition_of(run) == partition_of(RUN))
    await publish(client, {receipt_subject("hq", due): encode_receipt(replace(receipt, ending=None))})
    place.committed[due] = {KEY: Position(delivered=10)}
    async with working():
        await told(place, finished(), run=due)
        await see_all_accounts(client, place)
    assert set(place.opened) == {due, MARK}


MARK = next(run for run in (RunKey("mark", str(n)) for n in range(99)) if partition_of(run) == partition_of(RUN))
"""A run that only says, by its end, that all accounts before it have been seen."""


async def see_all_accounts(client: Client, place: Place, writer: str = WRITER) -> None:
    """Wait until the watch has seen what was told before this call; for each further one give another writer."""
    number = len(place.endings[MARK]) + 1
    await send(client, 0, 1, run=MARK, writer=writer)
    await tell(client, life(1, started=10.0 * number, stopped=10.0 * number + 5), run=MARK, writer=writer)
    async with asyncio.timeout(20):
        while len(place.endings[MARK]) < number:
            place.changed.clear()
            await place.changed.wait()


async def until_noted(client: Client, ending: Ending) -> None:
    async with asyncio.timeout(20):
        while (await receipt_of(client)).ending != ending:
            await asyncio.sleep(0.02)


async def publish(client: Client, messages: dict[str, bytes]) -> None:
    items = list(messages.items())
    for first in range(0, len(items), 100):
        await asyncio.gather(*(client.jetstream().publish(*item) for item in items[first : first + 100]))
