"""What a stand's broker is: the product's command with its own server, or a server that the test starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from support.nats import NatsServer, answers, free_port
from support.product import Process, Site, kill_process, until


class Broker(Protocol):
    """A broker that can be ended and started again.

    Attributes:
        section: what the config file says below ``broker:``, in braces.
        url: of clients.
        store: its folder, if it has one.
    """

    section: str
    url: str
    store: Path

    def start(self) -> None:
        """Start it on the store that is there; return when it answers."""

    def stop(self) -> None:
        """End it in order."""

    def kill(self) -> None:
        """SIGKILL."""

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""

    def resume(self) -> None:
        """SIGCONT."""

    def processes(self) -> Sequence[int]:
        """Return the process ids that are alive."""
        ...


class Embedded:
    """``sitewire broker``, which starts nats-server and starts it again when it dies."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.section = f"{{embedded: {{port: {self.port}, store: store}}}}"
        self.store = folder / "store"
        self.site: Site
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        """The command's."""
        assert self._process is not None, "it was not started"
        return self._process

    def start(self) -> None:
        """Start the command; again, as a service manager does, if the end of the one before is not over yet."""
        self._process = self.site.start("broker")
        until(self._is_up, self.site.logs)

    def stop(self) -> None:
        """SIGTERM to the command."""
        assert self.process.stop() == 0, self.process.output

    def kill(self) -> None:
        """SIGKILL to the command, whose server ends with it."""
        self.process.kill()

    def kill_server(self) -> None:
        """SIGKILL to nats-server alone; the command starts another."""
        until(self.process.children, self.site.logs)
        (server,) = self.process.children()
        kill_process(server)
        until(lambda: self.process.children() not in ([], [server]) and answers(self.port), self.site.logs)

    def pause(self) -> None:
        """SIGSTOP to nats-server."""
        assert self.process.children(), f"no server to stop: {self.process.output[-3000:]}"
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT to nats-server."""
        self._signal(signal.SIGCONT)

    def processes(self) -> Sequence[int]:
        """Return the command's process; nats-server is its child."""
        return [self.process.pid] if self._process is not None and self._process.running else []

    def _is_up(self) -> bool:
        if not self.process.running:
            self._process = self.site.start("broker")
        return bool(self.process.children()) and answers(self.port)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self.process.children():
            os.kill(pid, number)


class Served:
    """A nats-server that is not ours to run: configured by ``broker apply``."""

    def __init__(self, server: NatsServer) -> None:
        self.server = server
        self.store = server.store
        server.start()  # for its port
        self.url = server.url
        self.section = f'{{url: "{self.url}"}}'

    def start(self) -> None:
        """Start it if it does not run."""
        if not self.processes():
            self.server.start()

    def stop(self) -> None:
        """SIGTERM."""
        self.server.stop()

    def kill(self) -> None:
        """SIGKILL."""
        self.server.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self.server.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.server.resume()

    def processes(self) -> Sequence[int]:
        """Return the server's process if it lives."""
        return [self.server.pid] if self.server.running else []
