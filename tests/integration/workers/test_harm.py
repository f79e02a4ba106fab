"""What one run can do to those beside it: nothing, however it names its runs and numbers its records."""

from __future__ import annotations

import asyncio

import pytest
from nats.aio.client import Client

from sitewire.schemas.codec import encode_envelope
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.subject import Subject
from sitewire.workers import route, run_delivery
from sitewire.workers.sinks.null import NullSink
from support.memory_sink import Place, Running
from support.stream import RUN, SCALARS, WRITER, acknowledged, neighbours, receipt_of, send

pytestmark = pytest.mark.nats

KEY = StreamKey(WRITER, SCALARS)


async def test_holes_of_nearly_all_indexes_that_come_again_and_again_are_counted_as_far_as_a_receipt_can(
    client: Client, running: Running
) -> None:
    (other,) = neighbours(1)
    body = encode_envelope(WRITER, SCALARS, 0, [], [Hole(HoleName.DROPPED, 0, 2**61)])
    for _ in range(20):
        await client.jetstream().publish(str(Subject(RUN, SCALARS, WRITER)), body)
    await send(client, 0, 5, run=other)
    async with running(NullSink()):
        await acknowledged(client)
    receipt = await receipt_of(client)
    assert receipt.duplicates == MAX_INDEX
    assert receipt.positions[KEY].holes == {HoleName.DROPPED: 2**61}
    assert (await receipt_of(client, other)).positions[KEY].delivered == 5


async def test_of_many_runs_those_that_are_quiet_are_closed_sooner_and_nothing_of_them_is_lost(
    client: Client, place: Place, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "MANY_RUNS", 3)
    monkeypatch.setattr(run_delivery, "QUIET", 0.2)
    runs = neighbours(8)
    async with running(), asyncio.timeout(30):
        for run in runs:
            await send(client, 0, 5, run=run)
        while place.log.count("close") < len(runs) - 3:
            await asyncio.sleep(0.02)
        for run in runs:
            await send(client, 5, 8, run=run)
        for run in runs:
            await place.until(run, KEY, 8)
    assert all(place.indexes[run, KEY] == list(range(8)) for run in runs)
