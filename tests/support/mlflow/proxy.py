"""What stands before an MLflow server: asks who is there, says that it is too much, or that somebody else is meant."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Proxy:
    """A reverse proxy on a free port.

    Attributes:
        port: where it listens.
        behind: the port of the server.
        wanted: the header ``Authorization`` that it wants; None is any.
        answers: what it says in the place of the server, one after another: a status, headers and a text.
        always: the same, to each request as long as it is set.
        slow: seconds that each request waits.
        hangs_up: whether it closes a connection behind each answer: the next request looks for its name again.
        requests: method and path of those that came, and the status that they got.
    """

    port: int
    behind: int
    wanted: str | None = None
    answers: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    always: tuple[int, dict[str, str], str] | None = None
    slow: float = 0.0
    hangs_up: bool = False
    requests: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def proxy_before(port: int) -> Iterator[Proxy]:
    """A proxy before the server on a port, which ends with the block."""
    proxy: Proxy

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, text = self._answer(body)
            proxy.requests.append((self.command, self.path, status))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            if proxy.hangs_up:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  the library's names

        def _answer(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            if proxy.wanted is not None and self.headers.get("Authorization") != proxy.wanted:
                return 401, {"WWW-Authenticate": "Basic"}, b"who are you?"
            time.sleep(proxy.slow)
            with suppress(IndexError):
                status, headers, text = proxy.always or proxy.answers.pop(0)
                return status, headers, text.encode()
            behind = http.client.HTTPConnection("127.0.0.1", proxy.behind, timeout=30)
            try:
                kept = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
                behind.request(self.command, self.path, body, kept)
                answer = behind.getresponse()
                return answer.status, {"Content-Type": answer.getheader("Content-Type", "")}, answer.read()
            finally:
                behind.close()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy = Proxy(server.server_port, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
