from __future__ import annotations

import asyncio
import socket
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import nkeys
import pytest

from sitewire.broker_config.connection import Endpoint, check_url, connect, masked
from sitewire.broker_config.errors import AccessRefused, BrokerUnreachable, Misuse
from support.jwt import Operator
from support.nats import MakeServer, NatsServer

pytestmark = pytest.mark.nats

SEED = b"SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_connection_answers(nats_server: NatsServer) -> None:
    client = await connect(nats_server.endpoint, name="test")
    assert (await client.jetstream().account_info()).streams == 0
    await client.close()


async def test_a_first_failure_is_raised_at_once_and_nothing_stays_behind() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    before = threading.active_count()
    async with asyncio.timeout(5):
        with pytest.raises(BrokerUnreachable, match=f"127.0.0.1:{port} is not reachable: nobody listens"):
            await connect(Endpoint(f"nats://user:secret@127.0.0.1:{port}"), name="test")
    assert len(asyncio.all_tasks()) == 1
    assert threading.active_count() <= before + 2  # the loop's own executor


async def test_a_server_that_says_nothing_is_given_up(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitewire.broker_config.connection.CONNECT_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(BrokerUnreachable, match="no NATS server has answered there"):
        await connect(Endpoint(f"nats://127.0.0.1:{silent_port}"), name="test")
    assert len(asyncio.all_tasks()) == 1


async def test_a_cancelled_attempt_leaves_no_client(silent_port: int) -> None:
    attempt = asyncio.create_task(connect(Endpoint(f"nats://127.0.0.1:{silent_port}"), name="test"))
    await asyncio.sleep(0.1)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt
    assert len(asyncio.all_tasks()) == 1


async def test_a_killed_server_is_found_again_and_the_events_say_so(nats_server: NatsServer) -> None:
    events: list[str] = []
    back = asyncio.Event()

    def on_event(kind: str, _text: str) -> None:
        events.append(kind)
        if kind == "reconnected":
            back.set()

    client = await connect(nats_server.endpoint, name="test", on_event=on_event)
    await nats_server.restart_async()
    async with asyncio.timeout(15):
        await back.wait()
    assert (await client.jetstream().account_info()).streams == 0
    await client.close()
    assert events[events.index("disconnected") :][-1] == "closed"


@pytest.mark.parametrize(
    "url", ["", "hub", "hub:4222", "http://hub:4222", "nats://", "nats://hub:x", "nats://hub:99999", "nats://[::1"]
)
async def test_a_url_that_is_none_is_refused_before_anything_is_tried(url: str) -> None:
    with pytest.raises(Misuse, match="not the URL of a broker"):
        await connect(Endpoint(url), name="test")


def test_secrets_are_masked() -> None:
    for url in ("nats://user:s3cret@hub:4222", "nats://s3cret@hub", "user:s3cret@hub", "nats://u:s3cret@[::1"):
        assert "s3cret" not in masked(url)
        assert "s3cret" not in repr(Endpoint(url))
        assert "s3cret" not in str(Endpoint(url))
    assert masked("nats://hub:4222") == "nats://hub:4222"
    with pytest.raises(Misuse) as caught:
        check_url("http://user:s3cret@hub")
    assert "s3cret" not in str(caught.value)


async def test_wrong_password_is_access_refused_and_the_right_one_works(make_nats_server: MakeServer) -> None:
    server = make_nats_server(more='authorization { user: "ann", password: "s3cret" }')
    with pytest.raises(AccessRefused) as caught:
        await connect(Endpoint(f"nats://ann:wr0ng@127.0.0.1:{server.port}"), name="test")
    assert "wr0ng" not in str(caught.value)
    client = await connect(Endpoint(f"nats://ann:s3cret@127.0.0.1:{server.port}"), name="test")
    await client.close()


async def test_a_seed_file_opens_a_server_that_knows_its_key(make_nats_server: MakeServer, tmp_path: Path) -> None:
    public = bytes(nkeys.from_seed(bytearray(SEED)).public_key).decode()
    server = make_nats_server(more=f"authorization {{ users: [ {{ nkey: {public} }} ] }}")
    seed = tmp_path / "site.nk"
    seed.write_bytes(SEED + b"\n")
    client = await connect(Endpoint(server.url, creds=seed), name="test")
    await client.close()
    with pytest.raises(AccessRefused):
        await connect(server.endpoint, name="test")


async def test_a_creds_file_is_read_again_at_each_connection_and_may_be_half_written_then(
    make_nats_server: MakeServer, tmp_path: Path
) -> None:
    operator = Operator()
    server = make_nats_server(more=operator.server_config)
    creds = tmp_path / "site.creds"
    creds.write_text(operator.creds())
    told: asyncio.Queue[str] = asyncio.Queue()
    client = await connect(
        Endpoint(server.url, creds=creds), name="test", on_event=lambda kind, text: told.put_nowait(f"{kind}: {text}")
    )
    creds.write_text(operator.creds()[:40])
    await server.restart_async()
    async with asyncio.timeout(15):
        while await told.get() != "error: invalid user credentials":
            pass
        creds.write_text(operator.creds())
        while not (await told.get()).startswith("reconnected"):
            pass
    await client.flush()
    await client.close()
    with pytest.raises(AccessRefused):
        await connect(server.endpoint, name="test")


async def test_tls_with_an_authority_of_one_s_own(make_nats_server: MakeServer) -> None:
    # Made for this test, valid for a hundred years; they protect nothing.
    tls = Path(__file__).parents[2] / "support" / "tls"
    server = make_nats_server(more=f'tls {{ cert_file: "{tls}/server.pem", key_file: "{tls}/server.key" }}')
    url = server.url.replace("nats://", "tls://")
    client = await connect(Endpoint(url, ca=tls / "ca.pem"), name="test")
    assert (await client.jetstream().account_info()).streams == 0
    await client.close()
    with pytest.raises(AccessRefused, match="CERTIFICATE_VERIFY_FAILED"):
        await connect(Endpoint(url), name="test")


@pytest.fixture
def said_to_a_plain_server() -> Iterator[tuple[int, list[bytes]]]:
    """A port behind which somebody takes TLS out of what the server says; and what clients tell them."""
    said: list[bytes] = []

    class Stripped(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b'INFO {"server_id":"x","version":"2.15.1","proto":1,"max_payload":1048576}\r\n')
            said.append(self.rfile.readline())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stripped) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[1], said
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("scheme", "authority"), [("tls", False), ("tls", True), ("nats", True)])
async def test_who_takes_tls_away_hears_no_credentials(
    said_to_a_plain_server: tuple[int, list[bytes]], scheme: str, authority: bool
) -> None:
    port, said = said_to_a_plain_server
    ca = Path(__file__).parents[2] / "support" / "tls" / "ca.pem" if authority else None
    with pytest.raises(AccessRefused, match=r"speaks no TLS, which .* asks for; nothing was sent there"):
        await connect(Endpoint(f"{scheme}://user:secret@127.0.0.1:{port}", ca=ca), name="test")
    async with asyncio.timeout(5):
        while not said:
            await asyncio.sleep(0.01)
    assert set(said) == {b""}


async def test_who_takes_tls_away_while_a_client_comes_back_hears_none_either(make_nats_server: MakeServer) -> None:
    tls = Path(__file__).parents[2] / "support" / "tls"
    server = make_nats_server(more=f'tls {{ cert_file: "{tls}/server.pem", key_file: "{tls}/server.key" }}')
    told: asyncio.Queue[str] = asyncio.Queue()
    url = server.url.replace("nats://", "tls://")
    client = await connect(
        Endpoint(url, ca=tls / "ca.pem"), name="test", on_event=lambda kind, text: told.put_nowait(f"{kind}: {text}")
    )
    await asyncio.to_thread(server.reconfigure, "")
    async with asyncio.timeout(15):
        while not (await told.get()).startswith("error: it speaks no TLS"):
            pass
    assert not client.is_connected
    await client.close()


async def test_a_client_whose_reconnecting_is_refused_can_be_closed(
    make_nats_server: MakeServer, tmp_path: Path
) -> None:
    tls = Path(__file__).parents[2] / "support" / "tls"
    files = f'cert_file: "{tls}/server.pem", key_file: "{tls}/server.key"'
    server = make_nats_server()
    refused = asyncio.Event()
    client = await connect(
        server.endpoint, name="test", on_event=lambda _, text: refused.set() if "CERTIFICATE" in text else None
    )
    await asyncio.to_thread(server.reconfigure, f"tls {{ {files} }}")
    async with asyncio.timeout(15):
        await refused.wait()
        await client.publish("a", b"pending")
        await client.close()


@pytest.mark.parametrize("content", [b"", b"rubbish", b"SU" + b"1" * 56, "ü".encode(), b"\xff\xfe"])
async def test_a_file_without_credentials_is_refused(tmp_path: Path, content: bytes) -> None:
    creds = tmp_path / "site.creds"
    creds.write_bytes(content)
    with pytest.raises(AccessRefused, match=r"neither a \.creds file nor an nkey seed"):
        await connect(Endpoint("nats://127.0.0.1:1", creds=creds), name="test")


async def test_missing_files_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    with pytest.raises(AccessRefused, match="nowhere: No such file"):
        await connect(Endpoint("nats://127.0.0.1:1", creds=missing), name="test")
    with pytest.raises(AccessRefused, match="nowhere: No such file"):
        await connect(Endpoint("tls://127.0.0.1:1", ca=missing), name="test")
