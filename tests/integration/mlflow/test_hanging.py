"""A worker that is to end while a server hangs."""

from __future__ import annotations

import asyncio

from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing.samples import scalars, stream
from sitewire.workers.sinks.threads import abandon
from support.mlflow.owners import Owners
from support.mlflow.server import MlflowServer

A = stream(1)


async def test_who_does_not_wait_for_threads_any_more_does_not_wait_for_one_to_close_the_place(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    sinks = [await owners.sink(mlflow_on_sqlite.url, timeout_seconds=20) for _ in range(6)]
    runs = [await sink.open_run(RunKey("clinic", f"job-{n}"), "e", {}) for n, sink in enumerate(sinks)]
    mlflow_on_sqlite.pause()
    try:
        writes = [asyncio.create_task(run.write([scalars(A, 0, 5)])) for run in runs]
        while not abandon():
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await asyncio.wait(writes)
            for sink in sinks:
                await sink.close()
        assert all(write.cancelled() for write in writes)
    finally:
        mlflow_on_sqlite.resume()
