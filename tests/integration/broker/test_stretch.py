"""Many messages of a stream in one answer, complete or refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.errors import BrokerBusy, BrokerError
from sitewire.broker_config.names import METRICS_STREAM
from sitewire.broker_config.stretch import read_stretch
from support.nats import NatsServer
from support.stream import RUN, body, declare, neighbours, partition_of, route, send

pytestmark = pytest.mark.nats

OURS = ".".join(("metrics", str(partition_of(RUN)), *RUN.tokens, ">"))


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await connect(nats_server.endpoint, name="test")
    await declare(client, route())
    yield client
    await client.close()


async def test_it_holds_what_a_filter_matches_from_a_sequence_on_in_the_order_of_the_stream(client: Client) -> None:
    (other,) = neighbours(1)
    ours = []
    for first in range(0, 50, 10):
        ours.append(await send(client, first, first + 10))
        await send(client, first, first + 10, run=other)
    found = await read_stretch(client, METRICS_STREAM, OURS, ours[1], 1_000_000)
    assert [item.sequence for item in found.messages] == ours[1:]
    assert [item.data for item in found.messages] == [body(first, first + 10) for first in range(10, 50, 10)]
    assert found.at_end
    assert (await read_stretch(client, METRICS_STREAM, OURS, ours[-1] + 1, 1000)).messages == []


async def test_it_is_bounded_in_bytes_and_holds_one_message_at_least(client: Client) -> None:
    sequences = [await send(client, first, first + 10) for first in range(0, 50, 10)]
    size = len(body(0, 10))
    for bound, count in [(1, 1), (size, 1), (3 * size - 1, 3)]:
        found = await read_stretch(client, METRICS_STREAM, OURS, 0, bound)
        assert [item.sequence for item in found.messages] == sequences[:count]
        assert not found.at_end
    whole = await read_stretch(client, METRICS_STREAM, OURS, 0, 100 * size)
    assert whole.at_end
    assert len(whole.messages) == 5


async def test_a_message_that_is_lost_on_the_way_is_an_error_and_no_gap(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [await send(client, first, first + 10) for first in range(0, 50, 10)][2]
    process = Client._process_msg

    async def lossy(self: Client, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        if f"Nats-Sequence: {lost}\r\n".encode() not in (headers or b""):
            await process(self, sid, subject, reply, data, headers)

    monkeypatch.setattr(Client, "_process_msg", lossy)
    with pytest.raises(BrokerBusy, match="lost on the way"):
        await read_stretch(client, METRICS_STREAM, OURS, 0, 1_000_000)


async def test_a_stream_that_is_not_there_is_an_error(client: Client) -> None:
    with pytest.raises(BrokerError):
        await read_stretch(client, "NOTHING", OURS, 0, 1000)
