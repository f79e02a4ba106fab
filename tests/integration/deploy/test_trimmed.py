"""Runs that were trimmed before a route was made: nothing of them ever comes to a worker, and the books say so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.model import Broker, Collect, Config, Embedded
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.deploy.accounting import RunRow, read_rows
from sitewire.deploy.run_state import RunState
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.hole import HoleName
from sitewire.schemas.subject import RunKey, account_subject
from support.nats import NatsServer
from support.stream import RUN, SCALARS, WRITER, declare, route, send

pytestmark = pytest.mark.nats

LATER = RunKey("clinic", "later")
ROUTE = route()


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client)
    yield client
    await client.close()


async def ended(client: Client, run: RunKey, count: int) -> None:
    account = Account({SCALARS: ClassAccount(count, count, 0)}, alive=False, ended=True, stopped=1.7e9)
    await client.jetstream().publish(account_subject(run, WRITER), encode_account(account))


async def rows(client: Client) -> dict[str, RunRow]:
    broker = Broker(embedded=Embedded(store=Path("/tmp")))
    config = Config(Path("sitewire.yaml"), broker, Collect(spool=Path("/tmp")), [ROUTE])
    return {row.run: row for row in await read_rows(client, config)}


async def test_a_run_that_was_trimmed_before_a_route_began_is_short_by_all_of_it(client: Client) -> None:
    for run in (RUN, LATER):
        await send(client, 0, 5, run=run)
        await ended(client, run, 5)
    await client.jsm().purge_stream(METRICS_STREAM, seq=2)
    await declare(client, ROUTE)
    found = await rows(client)
    trimmed, waiting = found[RUN.run], found[LATER.run]
    assert (trimmed.state, trimmed.sent, trimmed.gaps, trimmed.pending) == (RunState.SHORT, 5, 5, 0)
    assert trimmed.holes == {HoleName.EXPIRED: 5}
    assert trimmed.done
    assert (waiting.gaps, waiting.pending) == (0, 5)


async def test_nothing_is_called_expired_in_a_stream_that_was_never_trimmed(client: Client) -> None:
    await ended(client, RUN, 5)  # which the broker lost, say: the spool may send it again
    await declare(client, ROUTE)
    row = (await rows(client))[RUN.run]
    assert (row.gaps, row.pending) == (0, 5)


async def test_a_route_that_begins_now_does_not_list_what_was_before(client: Client) -> None:
    await send(client, 0, 5)
    await ended(client, RUN, 5)
    await client.jsm().purge_stream(METRICS_STREAM, seq=2)
    await declare(client, replace(ROUTE, start="new"))
    assert await rows(client) == {}
