"""What people are told of a run that stands still: parked, or alone in its partition and not parked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Broker, Collect, Config
from sitewire.broker_config.names import PARKED_BUCKET
from sitewire.deploy.accounting import read_rows
from sitewire.deploy.cli.drain import drain
from sitewire.deploy.cli.main import main
from sitewire.deploy.cli.status import view
from sitewire.deploy.cli.terminal import open_console
from sitewire.deploy.health import read_health
from sitewire.deploy.parked import read_parked
from sitewire.workers.parked_run import ParkedRun, parked_key
from sitewire.workers.worker import Worker
from support.crew import lines_route
from support.nats import NatsServer
from support.stream import RUN, SCALARS, declare, neighbours, partition_of, route, send, tell

pytestmark = pytest.mark.nats


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, route())
    yield client
    await client.close()


async def test_a_run_that_is_parked_is_marked_in_its_own_route_only(
    client: Client, file: Path, nats_server: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(file, Broker(url=nats_server.url), Collect(spool=tmp_path / "spool"), (route(), route("another")))
    (other,) = neighbours(1)
    await declare(client, *config.routes)
    for run in (RUN, other):
        await tell(client, {SCALARS: (10, 10, 0)}, run=run)
    bucket = Bucket(client, PARKED_BUCKET)
    await bucket.create(parked_key("hq", partition_of(RUN), RUN), ParkedRun(1, "no such place", 1.0).encode())
    rows = await read_rows(client, config)
    assert {(row.run, row.route): (row.parked, row.parked_reason) for row in rows} == {
        (RUN.run, "hq"): (True, "no such place"),
        (RUN.run, "another"): (False, ""),
        (other.run, "hq"): (False, ""),
        (other.run, "another"): (False, ""),
    }
    assert await asyncio.to_thread(main, ["runs", "-c", str(file), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert {(row["run"], row["parked"], row["parked_reason"]) for row in shown} == {
        (RUN.run, True, "no such place"),
        (other.run, False, ""),
    }
    assert await asyncio.to_thread(main, ["runs", "-c", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.rstrip().endswith(" parked")] == [RUN.run]


async def test_a_broker_without_the_bucket_has_no_parked_runs(client: Client) -> None:
    await client.jsm().delete_stream(f"KV_{PARKED_BUCKET}")
    assert await read_parked(client) == {}


async def test_a_run_that_fails_alone_is_named_by_status_and_drain(
    client: Client, nats_server: NatsServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lines_route(tmp_path)
    config = Config(tmp_path / "c.yaml", Broker(url=nats_server.url), Collect(spool=tmp_path / "spool"), (lines,))
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / RUN.run).touch()
    await send(client, 0, 10)
    await tell(client, {SCALARS: (10, 10, 0)}, alive=False, ended=True)
    named = f"lines p{partition_of(RUN)}: run {RUN.run} of site {RUN.site}: "
    stop, worker = asyncio.Event(), Worker(config)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(worker.run(stop))
        while not any(line.startswith(named) for line in await drain(config, 0.5)):
            pass
        health = await read_health(client, config)
        await asyncio.to_thread(lambda: open_console().print(view(health)))
        shown = "".join(capsys.readouterr().out.split())
        assert "8of8partitions,1worker,1introuble" in shown
        assert "".join(named.split()) in shown
        (tmp_path / "lines" / RUN.run).unlink()
        while await drain(config, 0.5):
            pass
        stop.set()
