"""A real ``mlflow server`` of one worker, as a process that can be killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from support.mlflow.reader import Store
from support.mlflow.trap import ServerTrap
from support.nats import free_port

BINARY: Final = Path(sysconfig.get_path("scripts")) / "mlflow"
START_SECONDS: Final = 90.0  # 5 on an idle machine

QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # else it starts 16 processes
}


class MlflowServer:
    """The server, on a free port that it keeps when it is started again.

    Args:
        folder: its database (SQLite, unless another is given), its artifacts and its log.
        database: the URI of another database.
        variables: more environment for the process.
        trapped: whether it can be made to die or fail between two steps of a request; costs it a look at a file each.

    Attributes:
        trap: where it dies or fails, if it is ``trapped``.
        port: where it listens, from the first start on.
        log: what it said.
    """

    def __init__(
        self,
        folder: Path,
        database: str | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        trapped: bool = False,
    ) -> None:
        self.folder = folder
        self.database = database or f"sqlite:///{folder / 'mlflow.db'}"
        self.artifacts = folder / "artifacts"
        self.log = folder / "mlflow.log"
        self.port = 0
        self.trap = ServerTrap(folder / "trap")
        self.variables = dict(variables or {}) | (self.trap.variables if trapped else {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What the sink's ``tracking_uri`` is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Store:
        """What it holds, read without asking it."""
        return Store(self.database, self.artifacts)

    @property
    def pid(self) -> int:
        """Of its first process; the server proper is a child of that."""
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it without waiting."""
        self.port = self.port or free_port()
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "SITEWIRE_"))}
        arguments = ["--backend-store-uri", self.database, "--artifacts-destination", str(self.artifacts)]
        arguments += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        with self.log.open("ab") as log:
            # A session of its own: the command starts the server proper as a child, and both are killed together.
            self._process = subprocess.Popen(
                [BINARY, "server", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**environ, **QUIET, **self.variables},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers."""
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self.running, self.log.read_text(errors="replace")[-3000:]
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")[-3000:]
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it says that it is well."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (HTTPException, OSError):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL to all of its processes, and wait until the first is gone."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(START_SECONDS)

    def restart(self) -> None:
        """Start again on the same port and database, after SIGKILL if it still runs."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)  # it leads its own group: nobody else is in there


@contextmanager
def mlflow_server(
    folder: Path,
    database: str | None = None,
    variables: Mapping[str, str] | None = None,
    *,
    trapped: bool = False,
) -> Iterator[MlflowServer]:
    """A running server, whose processes end with the block; the arguments are ``MlflowServer``'s."""
    server = MlflowServer(folder, database, variables, trapped=trapped)
    try:
        server.start()
        yield server
    finally:
        server.kill()
