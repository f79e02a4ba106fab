"""A unit that cannot be worked on says why in its key, and stops no other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.model import Broker, Collect, Config
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.workers.ownership.lease import TRIMMER
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.trimmer import trimmer
from sitewire.workers.trimmer.reading import StreamState, read_state
from sitewire.workers.worker import Worker
from support.crew import Crew, Hand, loaded, loads
from support.nats import NatsServer
from support.stream import RUN, partition_of, send

pytestmark = pytest.mark.nats

UNIT = "route-lines-p3"


async def test_a_partition_that_somebody_else_holds_is_named_and_taken_up_when_it_is_free(
    crew: Crew, client: Client, tmp_path: Path
) -> None:
    lock = await asyncio.to_thread(PartitionLock.take, tmp_path / "lines", 3)
    crew.add()
    view = await crew.until(lambda view: UNIT in view.units and view.units[UNIT].trouble)
    assert "3.lock: held by another sink of this process" in view.units[UNIT].trouble
    assert loads(view) == [8]
    async with loaded(client, tmp_path / "lines"):
        await asyncio.sleep(0.3)
        lock.release()
        view = await crew.until(lambda view: not view.units[UNIT].trouble)
    assert not any(unit.trouble for unit in view.units.values())


async def test_a_consumer_that_is_not_there_stops_its_own_partition_only(crew: Crew, client: Client) -> None:
    crew.add()
    await crew.until(lambda view: loads(view) == [8])
    await client.jsm().delete_consumer(METRICS_STREAM, UNIT)
    view = await crew.until(lambda view: view.units[UNIT].trouble)
    assert [name for name, unit in view.units.items() if unit.trouble] == [UNIT]


async def test_a_fault_in_the_trimmer_is_not_named_any_more_when_it_works_again(
    nats_server: NatsServer, crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults, read = [ValueError("a fault")], read_state

    async def read_or_fail(client: Client) -> StreamState:
        if faults:
            raise faults[0]
        return await read(client)

    monkeypatch.setattr(trimmer, "read_state", read_or_fail)
    config = Config(tmp_path / "sitewire.yaml", Broker(url=nats_server.url), Collect(spool=tmp_path / "spool"), ())
    hand = Hand(Worker(config))
    await crew.until(lambda view: TRIMMER in view.units and view.units[TRIMMER].trouble == "a fault")
    faults.clear()
    await crew.until(lambda view: not view.units[TRIMMER].trouble)
    await hand.stop()


async def test_a_run_that_fails_alone_is_named_in_its_partitions_key_until_it_works(
    crew: Crew, client: Client, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "lines" / RUN.run
    in_the_way.parent.mkdir()
    in_the_way.touch()
    unit = f"route-lines-p{partition_of(RUN)}"
    crew.add()
    await crew.until(lambda view: loads(view) == [8])
    await send(client, 0, 10)
    view = await crew.until(lambda view: view.units[unit].trouble)
    assert view.units[unit].trouble.startswith(f"run {RUN.run} of site {RUN.site}: {in_the_way}")
    assert [name for name, held in view.units.items() if held.trouble] == [unit]
    in_the_way.unlink()
    await crew.until(lambda view: not view.units[unit].trouble)
