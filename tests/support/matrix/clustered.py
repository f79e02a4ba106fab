"""A stand's broker that is three servers, with each stream on all of them; the way between two of them can be cut."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from support.cluster import SIZE, Cluster, Node
from support.links.link import Link, link_to

NOWHERE: Final = "127.0.0.1:1"
"""What servers say of where they are, so that none goes round the links."""


class Clustered:
    """Three nats-servers; the config file names them all and wants three replicas.

    Attributes:
        cluster: the servers.
        store: of all of them.
    """

    def __init__(self, folder: Path) -> None:
        self.store = folder / "cluster"
        self.cluster = Cluster(self.store)
        self.url = self.cluster.url
        self.section = f'{{url: "{self.url}", replicas: {SIZE}}}'

    def start(self) -> None:
        """Start what is down; return when all replicas are there."""
        self.cluster.start()

    def stop(self) -> None:
        """SIGTERM to all."""
        for node in self.cluster.nodes:
            node.stop()

    def kill(self) -> None:
        """SIGKILL to all at once."""
        self.cluster.kill()

    def pause(self) -> None:
        """SIGSTOP to all."""
        for node in self.cluster.nodes:
            node.pause()

    def resume(self) -> None:
        """SIGCONT to all."""
        for node in self.cluster.nodes:
            node.resume()

    def processes(self) -> Sequence[int]:
        """Return the servers' processes that are alive."""
        return [node.pid for node in self.cluster.nodes if node.running]


class Parted(Clustered):
    """The same with a link of the tests between any two servers, each way; the links are there from ``start`` on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._links: dict[tuple[str, str], Link] = {}
        self._open = ExitStack()

    def start(self) -> None:
        """Put the links between the servers, the first time, and start what is down."""
        for node in self.cluster.nodes:
            others = [other for other in self.cluster.nodes if other is not node]
            node.routes = [self._between(node, other).port for other in others]
            node.advertises = NOWHERE
        super().start()

    def kill(self) -> None:
        """SIGKILL to all at once; the end of the links, too, if none runs any more."""
        super().kill()
        self._open.close()
        self._links.clear()

    def ways_of(self, node: Node) -> list[Link]:
        """Return all links from and to a server."""
        return [link for ends, link in self._links.items() if node.name in ends]

    def _between(self, one: Node, other: Node) -> Link:
        ends = one.name, other.name
        if ends not in self._links:
            self._links[ends] = self._open.enter_context(link_to(other.route_port))
        return self._links[ends]
