"""Trouble of networks: links between a stand's processes and their servers, and what becomes of these links."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from support.checker.mlflow_tracker import mlflow_at
from support.checker.tracker import Tracker
from support.links.connection import Side
from support.links.link import BOTH, Link, link_to
from support.links.weather import Way
from support.matrix.processes import Happening
from support.matrix.stand import Stand
from support.mlflow.server import mlflow_server
from support.product import until

NOTICED_WITHIN: Final = 120.0  # seconds: nobody has to wait as long as this to see that a link is dead
JITTER: Final = 0.05
LATENCY: Final = 0.5  # seconds each way
NARROW: Final = 64_000  # bytes a second each way
SLICE: Final = 100  # bytes


class Network:
    """The links of one row.

    Attributes:
        links: those that trouble comes to, by the name of who is at the other end than the server.
        noticed: seconds until who had a half-open connection, or one in a black hole, made another.
        backlogs: records that were logged while a link was in trouble, of each time.
        rushed: how many connections were reset.
    """

    def __init__(self, *names: str) -> None:
        self.links: dict[str, Link] = {}
        self.noticed: list[float] = []
        self.backlogs: list[int] = []
        self.rushed = 0
        self._names = names or ("trainers", "workers")

    @contextmanager
    def between(self, stand: Stand) -> Iterator[None]:
        """Have a stand's trainers and sidecars, and its workers, reach the broker over a link each."""
        port = urlsplit(stand.broker.url).port
        assert port is not None
        with (
            link_to(port, stand.rng.randrange(10**6)) as trainers,
            link_to(port, stand.rng.randrange(10**6)) as workers,
        ):
            there = {"trainers": trainers, "workers": workers}
            self.links = {name: there[name] for name in self._names}
            stand.trainer_url, stand.worker_url = trainers.url, workers.url
            yield

    @contextmanager
    def before_mlflow(self, folder: Path) -> Iterator[Sequence[Tracker]]:
        """An MLflow server which the workers reach over a link."""
        with mlflow_server(folder / "mlflow") as server, link_to(server.port) as link:
            self.links = {"MLflow": link}
            yield (mlflow_at(f"http://127.0.0.1:{link.port}", server.folder / "mlflow.db"),)

    def cut(self, least: float, most: float) -> Happening:
        """Connections are closed and refused for so many seconds."""
        return self._lasting("a cut", least, most, lambda stand, link: link.cut())

    def black_hole(self, least: float, most: float, *ways: Way) -> Happening:
        """Nothing is carried for so many seconds, or nothing one way."""
        name = f"a black hole {ways[0].value}" if len(ways) == 1 else "a black hole"

        def hold(stand: Stand, link: Link) -> None:
            link.hold(*ways)

        return self._lasting(name, least, most, hold)

    def latency(self, least: float, most: float) -> Happening:
        """Every byte takes half a second, each way."""
        return self._lasting("latency", least, most, lambda stand, link: link.delay(LATENCY, JITTER))

    def narrow(self, least: float, most: float) -> Happening:
        """64 kB a second is all that is carried, each way."""
        return self._lasting("64 kB/s", least, most, lambda stand, link: link.throttle(NARROW))

    def sliced(self, least: float, most: float) -> Happening:
        """Messages arrive in tiny pieces, and closed connections are heard of late."""

        def cut_up(stand: Stand, link: Link) -> None:
            link.slice(SLICE)
            link.close_slowly(stand.rng.uniform(0, 2))

        return self._lasting("slices", least, most, cut_up)

    def limited(self, least: float, most: float) -> Happening:
        """Each connection is closed after so many bytes, whatever they are in the middle of."""

        def limit(stand: Stand, link: Link) -> None:
            link.limit(stand.rng.randrange(1, 60_000), stand.rng.choice(BOTH))

        return self._lasting("closed in the middle", least, most, limit)

    def storm(self, resets: int) -> Happening:
        """All connections are reset, again and again."""

        def rage(stand: Stand) -> None:
            links = self._drawn(stand)
            for _ in range(resets):
                self.rushed += sum(link.reset() for link in links)
                time.sleep(stand.rng.choice([0.0, stand.rng.uniform(0, 0.3), stand.rng.uniform(0, 1)]))

        return Happening(f"{resets} resets", rage)

    def half_open(self, side: Side) -> Happening:
        """One end of all connections is gone; the time is taken until the other has made another."""

        def lose(stand: Stand) -> None:
            links = self._drawn(stand)
            began, accepted = time.monotonic(), [link.accepted for link in links]
            for link in links:
                link.lose(side)
            for link, before in zip(links, accepted, strict=True):
                self._wait_until_noticed(stand, link, before, began)

        return Happening(f"the {side.value}'s end is lost", lose)

    def figures(self) -> dict[str, str]:
        """What a row's line says of it."""
        found: dict[str, str] = {}
        if self.backlogs:
            found["logged meanwhile, at most"] = f"{max(self.backlogs)}"
        if self.noticed:
            found["dead links noticed after"] = f"{min(self.noticed):.1f} to {max(self.noticed):.1f} s"
        if self.rushed:
            found["connections reset"] = f"{self.rushed}"
        return found

    def _drawn(self, stand: Stand) -> list[Link]:
        """Return the links that it concerns: any one, or all."""
        return stand.rng.choice([*[[link] for link in self.links.values()], list(self.links.values())])

    def _lasting(self, name: str, least: float, most: float, begin: Callable[[Stand, Link], None]) -> Happening:
        def strike(stand: Stand) -> None:
            links = self._drawn(stand)
            logged = _logged(stand)
            for link in links:
                begin(stand, link)
            time.sleep(stand.rng.uniform(least, most))  # no condition: that is how long it lasts
            self.backlogs.append(_logged(stand) - logged)
            for link in links:
                link.heal()

        return Happening(name if most < 1 else f"{name} of {_seconds(least, most)}", strike)

    def _wait_until_noticed(self, stand: Stand, link: Link, before: int, began: float) -> None:
        until(lambda: link.accepted > before, stand.site.logs, NOTICED_WITHIN)
        self.noticed.append(time.monotonic() - began)


def _logged(stand: Stand) -> int:
    return sum(run.journal.accepted for run in stand.runs)


def _seconds(least: float, most: float) -> str:
    return f"{most:g} s" if least == most else f"{least:g} to {most:g} s"
