"""Three nats-servers that are one broker: each can be killed, stopped, drained, wiped, and comes back by itself."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.jetstream_api import Json, ask_unless
from support.nats import BINARY, free_port

T = TypeVar("T")

SIZE: Final = 3
PATIENCE: Final = 60.0  # seconds until a leader is there: elections take up to nine
LOOK: Final = 0.1  # seconds between two looks
ANSWER_SECONDS: Final = 5.0
END_SECONDS: Final = 20.0

_CONFIG: Final = """\
host: "127.0.0.1"
port: {port}
server_name: "{name}"
max_payload: 1048576
lame_duck_grace_period: "1s"
lame_duck_duration: "30s"
jetstream {{ store_dir: "{store}", sync_interval: always }}
cluster {{
  name: "test"
  host: "127.0.0.1"
  port: {route_port}
  routes: [{routes}]
  {more}
}}
"""


class Node:
    """One server of a cluster; its store is in ``directory``.

    Args:
        name: unique in the cluster; a server that comes back under it is the same for its peers.
        directory: of its files.

    Attributes:
        port: of clients.
        route_port: of the other servers.
        routes: where it looks for the others: their route ports, or those of proxies before them.
        advertises: where the others are told to look for it; as it is, if empty.
    """

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.store = directory / "jetstream"
        self.log = directory / "nats-server.log"
        self.port = free_port()
        self.route_port = free_port()
        self.routes: list[int] = []
        self.advertises = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server has not been started"
        return self._process.pid

    def start(self) -> None:
        """Start, if it does not run; it joins when its peers are there."""
        if self.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats-server.conf"
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        fields = {"port": self.port, "name": self.name, "store": self.store, "route_port": self.route_port}
        more = f'advertise: "{self.advertises}"' if self.advertises else ""
        config.write_text(_CONFIG.format(routes=routes, more=more, **fields))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([BINARY, "-c", config], stdout=log, stderr=log)

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait until the process is gone."""
        self._end(signal.SIGTERM)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, nothing answers from when this returns."""
        self.send(signal.SIGSTOP)
        while Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2][0] not in "TZ":
            time.sleep(0.001)

    def resume(self) -> None:
        """SIGCONT."""
        self.send(signal.SIGCONT)

    def retire(self) -> None:
        """Lame duck: it gives up what it leads, sends its clients away, and ends; wait until it has."""
        self.send(signal.SIGUSR2)
        assert self._process is not None
        self._process.wait(timeout=END_SECONDS)

    def wipe(self) -> None:
        """Delete its store; the process has to be gone."""
        assert not self.running
        shutil.rmtree(self.store)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        if self.running:
            os.kill(self.pid, number)

    def _end(self, number: signal.Signals) -> None:
        if not self.running:
            return
        self.send(number)
        if number != signal.SIGKILL:
            self.resume()
        assert self._process is not None
        self._process.wait(timeout=END_SECONDS)


class Cluster:
    """Three servers with one configuration; ``url`` names all of them."""

    def __init__(self, directory: Path) -> None:
        self.nodes = [Node(f"n{number + 1}", directory / f"n{number + 1}") for number in range(SIZE)]
        for node in self.nodes:
            node.routes = [other.route_port for other in self.nodes if other is not node]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.url)

    def start(self) -> None:
        """Start all that are down; return when every stream has a leader and all its replicas."""
        for node in self.nodes:
            node.start()
        self.wait_whole()

    def kill(self) -> None:
        """SIGKILL all at once."""
        for node in self.nodes:
            node.send(signal.SIGKILL)
        for node in self.nodes:
            node.kill()

    def leader(self, stream: str) -> Node:
        """Return the server that leads a stream, as soon as there is one."""
        name = self._until(lambda found: _leader(found, stream), f"a leader of {stream}")
        return next(node for node in self.nodes if node.name == name)

    def wait_whole(self) -> None:
        """Wait until JetStream has a leader, and every stream has one and lacks no replica.

        Raises:
            AssertionError: not in time.
        """
        self._until(_is_whole, "a cluster that is whole")

    def _until(self, condition: Callable[[Json], T], what: str) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert any(node.running for node in self.nodes), self.nodes[0].log.read_text()[-1000:]
            answer = asyncio.run(self._streams())
            if answer is not None and (found := condition(answer)):
                return found
            assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}: {answer}"
            time.sleep(LOOK)

    async def _streams(self) -> Json | None:
        """Ask for all streams; None if nobody answers, or they have no leader."""
        try:
            client = await connect(self.endpoint, name="cluster", comes_back=False)
        except BrokerError:
            return None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await ask_unless(client, "STREAM.LIST", {"offset": 0}, frozenset())
        except (BrokerError, TimeoutError):
            return None
        finally:
            await client.close()


@contextmanager
def cluster_in(directory: Path) -> Iterator[Cluster]:
    """Servers that run, and end with the block."""
    cluster = Cluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


def _leader(found: Json, stream: str) -> str | None:
    clusters = {item["config"]["name"]: item.get("cluster") or {} for item in found["streams"] or []}
    leader: str | None = clusters.get(stream, {}).get("leader")
    return leader


def _is_whole(found: Json) -> bool:
    clusters = [item.get("cluster") or {} for item in found["streams"] or []]
    return not found.get("missing") and all(_has_all(cluster) for cluster in clusters)


def _has_all(cluster: Json) -> bool:
    return bool(cluster.get("leader")) and all(replica["current"] for replica in cluster.get("replicas") or [])
