"""A write that hangs in its thread cannot be ended; it must not keep the rest of its worker from its work."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import LEASES_BUCKET, PARTITIONS, partition_of
from sitewire.workers.sinks.jsonl.run import JsonlRun
from support.crew import Crew, loaded, loads
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
