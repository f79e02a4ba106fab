"""A write that hangs in its thread cannot be ended; it must not keep the rest of its worker from its work."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import LEASES_BUCKET, PARTITIONS, partition_of
from sitewire.schemas.subject import RunKey
from sitewire.workers import complaint
from sitewire.workers.ownership.tenure import Tenure
from sitewire.workers.sinks.jsonl.run import JsonlRun
from support.crew import Crew, loaded, loads, read_indexes
from support.stream import RUN, send

pytestmark = pytest.mark.nats


async def test_who_is_evicted_while_a_write_hangs_joins_anew_and_does_all_the_rest(
    crew: Crew, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on, write = threading.Event(), threading.Event(), JsonlRun._write

    def hang(run: JsonlRun, deliveries: Any) -> None:
        if not hangs.is_set():
            hangs.set()
            goes_on.wait()
        write(run, deliveries)

    crew.add()
    first = await crew.until(lambda view: loads(view) == [PARTITIONS])
    monkeypatch.setattr(JsonlRun, "_write", hang)
    await send(client, 0, 10)
    try:
        await crew.until(lambda _: hangs.is_set())
        (key,) = (f"worker.{name}" for name in first.workers)
        bucket = Bucket(client, LEASES_BUCKET)
        await bucket.delete(key, (await bucket.all(key))[key].revision)
        view = await crew.until(lambda view: loads(view) == [PARTITIONS])
        assert not first.workers.keys() & view.workers.keys()
        busy = f"route-lines-p{partition_of(RUN)}"
        view = await crew.until(lambda view: view.units[busy].trouble)
        assert {name for name, unit in view.units.items() if unit.trouble} == {busy}
    finally:
        goes_on.set()
    await crew.until(lambda view: not view.units[busy].trouble)
    async with loaded(client, tmp_path / "lines"):
        pass


async def test_a_unit_in_which_a_write_hangs_is_not_given_away_before_it_is_over(
    crew: Crew, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, second = [run for run in map(_run, range(100)) if partition_of(run) == 0][:2]
    goes_on, hangs, write = threading.Event(), threading.Event(), JsonlRun._write

    def hang(run: JsonlRun, deliveries: Any) -> None:
        if not hangs.is_set():
            hangs.set()
            goes_on.wait()
        write(run, deliveries)

    noticed, notice = asyncio.Event(), Tenure._hanging

    def take_notice(tenure: Tenure, hung: bool) -> None:
        notice(tenure, hung)
        noticed.set()

    monkeypatch.setattr(complaint, "LASTS", 0.1)
    monkeypatch.setattr(Tenure, "_hanging", take_notice)
    crew.add()
    view = await crew.until(lambda view: loads(view) == [PARTITIONS])
    (owner,) = view.workers
    monkeypatch.setattr(JsonlRun, "_write", hang)
    await send(client, 0, 10, run=hanging)
    try:
        await noticed.wait()
        assert hangs.is_set()
        crew.add()
        view = await crew.until(lambda view: len(view.workers) == 2 and loads(view) == [3, 5])
        assert view.owner("route-lines-p0") == owner
        await send(client, 0, 10, run=second)
        await crew.until(lambda _: read_indexes(tmp_path / "lines", second) == list(range(10)))
    finally:
        goes_on.set()
    view = await crew.until(lambda view: loads(view) == [4, 4])
    assert view.owner("route-lines-p0") != owner
    await crew.until(lambda _: read_indexes(tmp_path / "lines", hanging) == list(range(10)))


def _run(number: int) -> RunKey:
    return RunKey("clinic", f"job-{number}")
