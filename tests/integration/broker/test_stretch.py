"""Many messages of a stream in one answer, complete or refused, whatever headers their publishers chose."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from nats.aio.client import Client

from sitewire.broker_config.connection import connect
from sitewire.broker_config.errors import BrokerBusy, BrokerError
from sitewire.broker_config.latest import read_latest
from sitewire.broker_config.names import ACCOUNTS_STREAM, METRICS_STREAM
from sitewire.broker_config.stretch import read_stretch
from sitewire.schemas.subject import RunKey, account_subject
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


SPOOFED = b"Nats-Sequence: 77\r\nNats-Subject: x.y\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 9\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        *(b"NATS/1.0\r\nStatus: %d\r\n" % status + SPOOFED for status in (100, 204, 404, 413, 503)),
        b"NATS/1.0 204 EOB\r\n" + SPOOFED,
        b"AAAAAAAA \xff\xff\xff\r\n" + SPOOFED,
        b"AAAAAAAA 204\r\n" + SPOOFED,
        b"AAAAAAAA \xff\xff\xff",
    ],
)
async def test_a_publishers_headers_do_not_hide_what_others_have_said(client: Client, headers: bytes) -> None:
    subjects = [account_subject(RunKey(f"site-{number}", "job"), "ab" * 16) for number in range(4)]
    for number, subject in enumerate(subjects):
        if number == 1:
            whole = headers + b"\r\n"
            await client._send_command(
                b"HPUB %s %d %d\r\n%s%s\r\n" % (subject.encode(), len(whole), len(whole) + 2, whole, b"me")
            )
            await client.flush()
        else:
            await client.jetstream().publish(subject, b"me")
    wanted = list(enumerate(subjects, 1))
    stretch = await read_stretch(client, ACCOUNTS_STREAM, ">", 1, 1_000_000)
    assert [(item.sequence, item.subject) for item in stretch.messages] == wanted
    assert stretch.at_end
    assert [(item.sequence, item.subject) for item in await read_latest(client, ACCOUNTS_STREAM)] == wanted
