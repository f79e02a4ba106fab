"""The proxy itself: each trouble is what it says, and over when it is healed."""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from support.links.connection import Side
from support.links.link import HOST, Link, link_to
from support.links.weather import Way
from support.product import until

SOON = 0.3  # seconds in which something that must not come does not come
PATIENCE = 10.0  # seconds


class Echo(socketserver.ThreadingTCPServer):
    """Sends back what it gets.

    Attributes:
        pieces: the sizes of what came.
        ends: how its connections ended.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Answer)
        self.pieces: list[int] = []
        self.ends: list[str] = []


class _Answer(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Echo)
        try:
            while data := self.request.recv(65536):
                self.server.pieces.append(len(data))
                self.request.sendall(data)
            self.server.ends.append("closed")
        except ConnectionResetError:
            self.server.ends.append("reset")


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def link(server: Echo) -> Iterator[Link]:
    with link_to(server.server_address[1]) as link:
        yield link


def dial(link: Link) -> socket.socket:
    return socket.create_connection((HOST, link.port), timeout=PATIENCE)


def echoed(client: socket.socket, data: bytes = b"hello") -> bytes:
    """Send something, and return what comes back: as much, or what there is until the end."""
    client.sendall(data)
    return receive(client, len(data))


def receive(client: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (more := client.recv(65536)):
        got += more
    return got


def nothing_comes(client: socket.socket) -> bool:
    return not select.select([client], [], [], SOON)[0]


def test_bytes_arrive_both_ways_and_so_does_the_end(link: Link, server: Echo) -> None:
    data = bytes(range(256)) * 4096
    with dial(link) as client:
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        assert receive(client, len(data)) == data
        sender.join()
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    until(lambda: not link.connections)
    assert server.ends == ["closed"]


def test_a_server_that_is_away_is_no_trouble_of_the_link(server: Echo) -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with link_to(unused.getsockname()[1]) as link, dial(link) as client:
            assert client.recv(1) == b""


def test_a_cut_link_closes_all_and_refuses_until_it_is_healed(link: Link, server: Echo) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        link.cut()
        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        dial(link)
    link.heal()
    with dial(link) as client:
        assert echoed(client) == b"hello"
    assert link.accepted == 2


def test_a_black_hole_accepts_and_carries_nothing_until_it_is_healed(link: Link) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        link.hold()
        client.sendall(b"late")
        with dial(link) as other:
            other.sendall(b"new")
            assert nothing_comes(client)
            assert nothing_comes(other)
            link.heal()
            assert receive(client, 4) == b"late"
            assert receive(other, 3) == b"new"


@pytest.mark.parametrize("way", Way, ids=lambda way: way.value)
def test_a_black_hole_can_be_of_one_way_only(link: Link, server: Echo, way: Way) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        link.hold(way)
        client.sendall(b"late")
        assert nothing_comes(client)
        assert len(server.pieces) == (1 if way is Way.UP else 2)
        link.heal()
        assert receive(client, 4) == b"late"


def test_who_gives_up_in_a_black_hole_is_not_heard_of_before_it_is_healed(link: Link, server: Echo) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        link.hold()
        client.sendall(b"late")
    time.sleep(SOON)
    assert not server.ends
    link.heal()
    until(lambda: server.ends and not link.connections)
    assert sum(server.pieces) == len(b"hello" + b"late")


def test_a_black_hole_holds_back_who_sends_on_and_on(link: Link) -> None:
    link.hold()
    with dial(link) as client:
        client.settimeout(SOON)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while True:
                sent += client.send(bytes(65536))
        assert 100_000 < sent < 20_000_000


@pytest.mark.parametrize("jitter", [0.0, 0.5])
def test_latency_delays_each_way_and_keeps_the_order(link: Link, jitter: float) -> None:
    link.delay(0.2, jitter)
    with dial(link) as client:
        begin = time.monotonic()
        client.sendall(b"a")
        time.sleep(0.05)  # so that the two are on their way together
        client.sendall(b"b")
        assert receive(client, 2) == b"ab"
        assert 0.4 * (1 - jitter) <= time.monotonic() - begin < 2


def test_latency_of_one_way_is_of_that_way_only(link: Link) -> None:
    link.delay(0.3, 0.0, Way.DOWN)
    with dial(link) as client:
        begin = time.monotonic()
        assert echoed(client) == b"hello"
        assert 0.3 <= time.monotonic() - begin < 2


def test_what_is_throttled_is_shared_by_all_connections(link: Link) -> None:
    link.throttle(64_000, Way.UP)
    with dial(link) as one, dial(link) as other:
        begin = time.monotonic()
        one.sendall(bytes(16_000))
        other.sendall(bytes(16_000))
        assert len(receive(one, 16_000) + receive(other, 16_000)) == 32_000
        assert 0.45 < time.monotonic() - begin < 3


def test_slices_arrive_one_by_one(link: Link, server: Echo) -> None:
    link.slice(7, Way.UP)
    with dial(link) as client:
        assert echoed(client, b"0123456789" * 10) == b"0123456789" * 10
    # The kernel may put some together; without the trouble it is one.
    assert len(server.pieces) > 5


def test_a_slow_close_is_heard_of_late(link: Link, server: Echo) -> None:
    link.close_slowly(0.5)
    with dial(link) as client:
        assert echoed(client) == b"hello"
        begin = time.monotonic()
    until(lambda: server.ends)
    assert time.monotonic() - begin >= 0.5


def test_a_limit_closes_in_the_middle(link: Link, server: Echo) -> None:
    link.limit(7, Way.UP)
    with dial(link) as client:
        assert echoed(client, b"0123456789") in (b"0123456", b"")  # what was on its way back is lost
    until(lambda: server.ends)
    assert sum(server.pieces) == 7
    link.heal()
    with dial(link) as client:
        assert echoed(client, b"0123456789") == b"0123456789"


def test_a_reset_reaches_both_ends_and_new_connections_work(link: Link, server: Echo) -> None:
    with dial(link) as one, dial(link) as other:
        assert echoed(one) + echoed(other) == b"hellohello"
        assert link.reset() == 2
        for client in (one, other):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    until(lambda: len(server.ends) == 2)
    assert server.ends == ["reset", "reset"]
    with dial(link) as client:
        assert echoed(client) == b"hello"


def test_a_lost_client_is_not_missed_by_the_server(link: Link, server: Echo) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        assert link.lose(Side.CLIENT) == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    time.sleep(SOON)
    assert not server.ends
    assert link.half_open == 1
    with dial(link) as client:
        assert echoed(client) == b"hello"


def test_a_lost_server_is_not_missed_by_the_client(link: Link, server: Echo) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        assert link.lose(Side.SERVER) == 1
        until(lambda: server.ends)
        client.sendall(b"anybody there?")
        assert nothing_comes(client)
        assert link.half_open == 1
    until(lambda: link.half_open == 0)


def test_a_reset_of_one_end_is_a_reset_for_the_other(link: Link, server: Echo) -> None:
    with dial(link) as client:
        assert echoed(client) == b"hello"
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: server.ends)
    assert server.ends == ["reset"]
