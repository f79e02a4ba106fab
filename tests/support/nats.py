"""A real nats-server for one test."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path
from typing import Final, Protocol

from sitewire.broker_config.connection import Endpoint

BINARY: Final = Path(sysconfig.get_path("scripts")) / "nats-server"
START_SECONDS: Final = 20.0

_CONFIG: Final = """\
host: "127.0.0.1"
port: {port}
server_name: "test"
max_payload: 1048576
jetstream {{ store_dir: "{store}", sync_interval: always }}
{more}
"""


class MakeServer(Protocol):
    """What the fixture ``make_nats_server`` gives: start one more server, in a directory of that name."""

    def __call__(self, name: str = "nats", more: str = "") -> NatsServer: ...


class NatsServer:
    """nats-server on a free port, its store in ``directory``, every message synced before it is acknowledged."""

    def __init__(self, directory: Path, more: str = "") -> None:
        self.directory = directory
        self.store = directory / "jetstream"
        self.log = directory / "nats-server.log"
        self.port = 0
        self._more = more
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url)

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process lives, stopped or not."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start on a free port the first time, later on the same one; return when JetStream answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + START_SECONDS
        while True:
            self._launch(self.port or free_port())
            if self._wait(deadline):
                return
            # Somebody took the port in between.
            assert "address already in use" in self.log.read_text(), self.log.read_text()
            assert time.monotonic() < deadline, f"no port for nats-server: {self.log.read_text()}"

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until the process is gone."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Start again, on the same port and store, after SIGKILL if it still runs."""
        self.kill()
        self.start()

    def reconfigure(self, more: str) -> None:
        """Restart with other lines at the end of the configuration."""
        self._more = more
        self.restart()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers from when this returns."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] not in "TZ":
            time.sleep(0.001)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def restart_async(self) -> None:
        """The same as ``restart`` beside a loop with work on it."""
        await asyncio.to_thread(self.restart)

    def _launch(self, port: int) -> None:
        self.port = port
        config = self.directory / "nats-server.conf"
        config.write_text(_CONFIG.format(port=port, store=self.store, more=self._more))
        with self.log.open("wb") as log:
            self._process = subprocess.Popen([BINARY, "-c", config], stdout=log, stderr=log)

    def _wait(self, deadline: float) -> bool:
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            if answers(self.port) and "Server is ready" in self.log.read_text():
                return True
            time.sleep(0.01)
        message = f"nats-server did not start: {self.log.read_text()}"
        raise AssertionError(message)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(number)
        if number != signal.SIGKILL:
            self._process.send_signal(signal.SIGCONT)
        self._process.wait(timeout=START_SECONDS)


def free_port() -> int:
    """A port that a server can take on 127.0.0.1, soon."""
    # Below the range from which the system takes ports for outgoing connections, so that the port
    # is still free when a killed server comes back.
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def answers(port: int) -> bool:
    """Whether a NATS server greets there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            return probe.recv(5) == b"INFO "
    except OSError:
        return False
