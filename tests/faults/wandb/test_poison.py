"""A record that ends W&B's client: it is found and set aside, and nobody else notices much of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import DEAD_STREAM
from sitewire.schemas.codec import encode_envelope, pack_record
from sitewire.schemas.dead_letter import RecordLetter, decode_letter
from sitewire.schemas.receipt import Position
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.errors import BatchRefused, Temporary
from sitewire.workers.route import RoutePartition
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, span
from sitewire.workers.sinks.testing.samples import stream as numbering
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink, host_process, keys, segment, suspects
from sitewire.workers.sinks.wandb.batch import Batch
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.layout import run_id
from sitewire.workers.sinks.wandb.segment import Segment
from sitewire.workers.sinks.wandb.solo_hosts import MOST_ALONE, SoloHosts
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, declare, neighbours, partition_of, route
from support.wandb.expected import entries, expected
from support.wandb.processes import pids_of
from support.wandb.reader import read_runs
from support.wandb.shown import Shown

A = numbering(1)
POISON = "\\"
AT = 53  # which record of the first run it is
ROUNDS, EACH = 32, 10  # envelopes of a run, a quarter of a second apart, and records in each
MOST_BEHIND = 25.0  # seconds; five on an idle machine, and without the rule it would be for ever


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, route())
    yield client
    await client.close()


@pytest.fixture
def _unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have names reach the client that are known to end it: another such name is not known."""
    monkeypatch.setattr(keys, "free", lambda name: name)


def make_sink(place: Path, flush_seconds: float = 0) -> WandbSink:
    return WandbSink.from_options(WandbOptions(dir=place, flush_seconds=flush_seconds), place)


def record(run: RunKey, index: int) -> Record:
    name = POISON if (run, index) == (RUN, AT) else "loss"
    return Record(Kind.SCALAR, name, float(index), 1.7e9 + index, index)


@asynccontextmanager
async def delivering(client: Client, sink: WandbSink) -> AsyncIterator[None]:
    stop = asyncio.Event()
    owner = RoutePartition(client, "hq", partition_of(RUN), sink, None, int)
    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        group.create_task(owner.run(stop))
        yield
        stop.set()


async def send_all(client: Client, runs: Sequence[RunKey], sent: list[float]) -> None:
    """Send the rounds; note when each was on its way."""
    for number in range(ROUNDS):
        indexes = range(number * EACH, (number + 1) * EACH)
        for run in runs:
            body = encode_envelope(WRITER, SCALARS, indexes.start, [pack_record(record(run, i)) for i in indexes])
            await client.jetstream().publish(str(Subject(run, SCALARS, WRITER)), body)
        sent.append(time.monotonic())
        await asyncio.sleep(0.25)  # the rate at which the trainers log


async def most_behind(shown: Shown, place: Path, runs: Sequence[RunKey], sent: list[float]) -> tuple[float, int]:
    """Look until all records of the runs are shown; return the age of the oldest one that ever was not, and how many
    hosts there were at most."""
    most, hosts = 0.0, 0
    while (least := min(map(shown.of, runs))) < ROUNDS * EACH:
        if len(sent) > least // EACH:
            most = max(most, time.monotonic() - sent[least // EACH])
        await asyncio.sleep(0.1)
        await asyncio.to_thread(shown.look)
        hosts = max(hosts, len(await asyncio.to_thread(pids_of, place, "host")))
    return most, hosts


async def letters(client: Client) -> list[tuple[RunKey, int, str]]:
    found = [decode_letter(item.subject, item.data) for item in await read_latest(client, DEAD_STREAM)]
    return [(each.place.run, each.place.index, each.reason) for each in found if isinstance(each, RecordLetter)]


def holds(place: Path, run: RunKey, records: list[Record]) -> None:
    assert list(entries(read_runs(place)[run_id(run)])) == list(expected(records))


@pytest.mark.nats
@pytest.mark.usefixtures("_unguarded")
async def test_of_eight_runs_one_loses_the_record_that_ends_the_client_and_the_others_go_on(
    client: Client, place: Path
) -> None:
    runs, shown, sent = [RUN, *neighbours(7)], Shown(place), list[float]()
    async with delivering(client, make_sink(place, 0.5)):
        async with asyncio.TaskGroup() as group:
            group.create_task(send_all(client, runs, sent))
            late = group.create_task(most_behind(shown, place, runs[1:], sent))
        while shown.of(RUN) < ROUNDS * EACH - 1:
            await asyncio.sleep(0.1)
            await asyncio.to_thread(shown.look)
    seconds, hosts = late.result()
    print(f"behind: the others {seconds:.1f} s, the poisoned run {time.monotonic() - sent[-1]:.1f} s; {hosts} hosts")
    assert seconds < MOST_BEHIND
    assert 1 < hosts <= 1 + MOST_ALONE
    ((run, index, reason),) = await letters(client)
    assert (run, index) == (RUN, AT)
    assert "panic: " in reason
    for run in runs:
        holds(place, run, [record(run, i) for i in range(ROUNDS * EACH) if (run, i) != (RUN, AT)])
    assert await asyncio.to_thread(pids_of, place) == []


async def test_who_kills_the_client_of_a_suspect_again_and_again_makes_no_dead_letter(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victims = iter(("core", "host", "host", "core", "core", "host"))  # the first time, it may be beside others
    write, take, alone = Segment.write, SoloHosts.take, list[str]()

    async def die_and_write(self: Segment, *args: Any) -> Any:
        await asyncio.to_thread(kill, place, next(victims, "nobody"))
        return await write(self, *args)

    async def note_and_take(self: SoloHosts, run: str) -> HostProcess:
        alone.append(run)
        return await take(self, run)

    monkeypatch.setattr(Segment, "write", die_and_write)
    monkeypatch.setattr(SoloHosts, "take", note_and_take)
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        for _ in range(6):
            with pytest.raises(Temporary):
                await runner.deliver(scalars(A, 0, 1))
            await runner.reopen()
        await runner.deliver(scalars(A, 0, 1))
        assert alone == [run_id(KEY)] * 6
        await runner.finish(scalars(A, 0, 5))
    assert len(alone) == 6
    assert runner.known == {A: Position(delivered=5)}
    holds(place, KEY, records_of([scalars(A, 0, 5)]))
    assert await asyncio.to_thread(pids_of, place) == []


async def test_a_record_that_makes_the_client_hang_is_found_and_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "COMES", 1.5)
    monkeypatch.setattr(host_process, "ENDS", 0.2)
    monkeypatch.setattr(suspects, "FAILED", 2)  # each costs some seconds
    write = Segment.write

    async def hang(self: Segment, batch: Batch, beside: Any) -> Any:
        if any("1" in row.values for row in batch.rows):
            await asyncio.to_thread(kill, place, "core", signal.SIGSTOP)
        return await write(self, batch, beside)

    monkeypatch.setattr(Segment, "write", hang)
    records = [Record(Kind.SCALAR, str(index), 0.5, BEGIN + index, index) for index in range(3)]
    poison = span(A, 1, records[1:2])
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        assert await attempts(runner, span(A, 0, records)) == 1  # beside others; alone it is refused, to be halved
        assert await attempts(runner, span(A, 0, records[:1])) is None
        assert await attempts(runner, poison) == suspects.FAILED - 1
        await runner.deliver(replace(poison, outcome=Outcome.DEAD_LETTER), span(A, 2, records[2:]))
        await runner.run.close()
    assert runner.known == {A: Position(delivered=2, dead_letters=1)}
    holds(place, KEY, [records[0], records[2]])


async def attempts(runner: Runner, delivery: Delivery) -> int | None:
    """Deliver until that works or is refused; return how many attempts failed before it was refused."""
    failures = 0
    while True:
        try:
            await runner.deliver(delivery)
        except Temporary:
            failures += 1
        except BatchRefused:
            await runner.reopen()
            return failures
        else:
            return None
        await runner.reopen()


def kill(place: Path, victim: str, number: int = signal.SIGKILL) -> None:
    for pid in pids_of(place, victim):
        os.kill(pid, number)
