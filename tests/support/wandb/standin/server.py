"""The stand-in itself: a server in threads of the test, on a free port."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.server import ThreadingHTTPServer
from typing import Any, Final, Self

from support.wandb.standin.faults import Faults, Where
from support.wandb.standin.graphql import Queries
from support.wandb.standin.handler import Handler
from support.wandb.standin.runs import ServedRun, ServedRuns

API_KEY: Final = "0123456789abcdef" * 2 + "01234567"
"""The key that the stand-in takes: 40 characters, as the client wants them."""

ENTITY: Final = "a-team"


class Listener(ThreadingHTTPServer):
    """One time of being up: a socket, and the connections that came by it."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, standin: StandIn, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.queries = Queries(standin.runs, standin.entity, f"http://127.0.0.1:{self.server_port}")
        self.faults = standin.faults
        self.requests = standin.requests
        self.api_key = standin.api_key
        self.live: set[socket.socket] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away: they are killed in tests."""

    def cut(self) -> None:
        """Close what is open, in the middle of requests."""
        for connection in list(self.live):
            with suppress(OSError):  # its client was faster
                connection.shutdown(socket.SHUT_RDWR)


class StandIn:
    """A server for one test or many: ``with StandIn() as standin``.

    Attributes:
        runs: what it keeps, whether up or down.
        faults: switched on by the test.
        requests: all that came: when (monotonic), where, of which run, and the operation.
        entity: whose runs they are.
        api_key: the only one that may.
        port: free when first started, the same later.
    """

    def __init__(self, entity: str = ENTITY, api_key: str = API_KEY) -> None:
        self.runs = ServedRuns()
        self.faults = Faults()
        self.requests: list[tuple[float, Where, str | None, str]] = []
        self.entity = entity
        self.api_key = api_key
        self.port = 0
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The ``base_url`` of the client."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a client's process is told: ``wandb sync`` and the like."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.api_key, "WANDB_ENTITY": self.entity}

    def run(self, project: str, name: str) -> ServedRun:
        """Return a run that must be there."""
        found = self.runs.get(project, name)
        assert found is not None, f"{project}/{name} is none of {[(run.project, run.name) for run in self.runs.all()]}"
        return found

    def start(self) -> None:
        """Listen; what was kept before is there."""
        assert self._listener is None
        self._listener = Listener(self, self.port)
        self.port = self._listener.server_port
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.02,), name="w&b stand-in")
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections, cut those that are there. Can be called twice."""
        listener, self._listener = self._listener, None
        if listener is None or self._thread is None:
            return
        listener.shutdown()
        self._thread.join()
        self.faults.clear()
        listener.cut()
        listener.server_close()
