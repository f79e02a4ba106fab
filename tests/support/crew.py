"""Several workers of one configuration in this process, and what the broker says about who owns what."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.errors import BrokerError
from sitewire.broker_config.model import Broker, Collect, Config, Route, SinkConfig
from sitewire.broker_config.names import LEASES_BUCKET
from sitewire.schemas.subject import RunKey
from sitewire.workers.ownership.view import View, read_view
from sitewire.workers.sinks.jsonl.sink import JsonlOptions
from sitewire.workers.worker import Worker
from support.nats import NatsServer
from support.stream import send

ENVELOPE = 10  # records


def lines_route(folder: Path, name: str = "lines") -> Route:
    """Return a route of all records to files in a folder."""
    options = JsonlOptions(dir=folder / name)
    return Route(name, ("metrics.>",), "beginning", SinkConfig("jsonl", options, folder, f"jsonl:{folder / name}"))


class Hand:
    """A worker at work."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._stop = asyncio.Event()
        self.task = asyncio.create_task(worker.run(self._stop))

    async def stop(self) -> None:
        """End it in order."""
        self._stop.set()
        await self.task


class Crew:
    """Workers that share what a configuration asks for.

    Attributes:
        client: connected, to look with.
    """

    def __init__(self, server: NatsServer, client: Client, folder: Path, routes: Iterable[Route]) -> None:
        self.client = client
        self._config = Config(
            folder / "sitewire.yaml", Broker(url=server.url), Collect(spool=folder / "spool"), tuple(routes)
        )
        self._hands: list[Hand] = []

    def add(self, routes: Iterable[str] = ()) -> Hand:
        """Start one more, for all routes if none is named. By name, so that none trims: that is a ninth unit."""
        hand = Hand(Worker(self._config, list(routes) or [route.name for route in self._config.routes]))
        self._hands.append(hand)
        return hand

    async def view(self) -> View:
        """Look at the leases."""
        return read_view(await Bucket(self.client, LEASES_BUCKET).all())

    async def until(self, condition: Callable[[View], object], timeout: float = 20) -> View:
        """Look until a condition holds; return that look."""
        view = None
        try:
            async with asyncio.timeout(timeout):
                while True:
                    try:
                        view = await self.view()
                    except BrokerError:
                        await asyncio.sleep(0.05)  # nobody has declared it yet
                        continue
                    if condition(view):
                        return view
                    await asyncio.sleep(0.01)
        except TimeoutError as error:
            message = f"not within {timeout} s: {view}"
            raise AssertionError(message) from error

    async def end(self) -> None:
        """Stop all that still work."""
        await asyncio.gather(*(hand.stop() for hand in self._hands if not hand.task.done()))


def loads(view: View) -> list[int]:
    """Return how many units each living worker has, the least first."""
    counts = Counter(view.owner(unit) for unit in view.units)
    return sorted(counts[worker] for worker in view.workers)


def free(view: View) -> int:
    """Return how many units that were once taken nobody has."""
    return sum(view.owner(unit) is None for unit in view.units)


@asynccontextmanager
async def crew_of(server: NatsServer, client: Client, folder: Path, *routes: Route) -> AsyncIterator[Crew]:
    """A crew that is stopped when the block ends."""
    crew = Crew(server, client, folder, routes)
    try:
        yield crew
    finally:
        await crew.end()


class Load:
    """Records of many runs, a few envelopes at a time, while a test goes on.

    Attributes:
        sent: per run, how many records of its one writer are stored.
    """

    def __init__(self, client: Client, runs: int = 24) -> None:
        self.sent = {RunKey("clinic", f"job-{number}"): 0 for number in range(runs)}
        self._client = client
        self._stop = asyncio.Event()

    async def send(self) -> None:
        """Send until told to stop."""
        while not self._stop.is_set():
            for run, first in self.sent.items():
                await send(self._client, first, first + ENVELOPE, run=run)
                self.sent[run] = first + ENVELOPE
            await asyncio.sleep(0.02)

    def stop(self) -> None:
        self._stop.set()

    async def written(self, folder: Path) -> None:
        """Wait until all is in a folder's files; each record must be there once and in order."""
        async with asyncio.timeout(30):
            while any(len(read_indexes(folder, run)) < count for run, count in self.sent.items()):
                await asyncio.sleep(0.05)
        for run, count in self.sent.items():
            assert read_indexes(folder, run) == list(range(count)), run


@asynccontextmanager
async def loaded(client: Client, folder: Path) -> AsyncIterator[Load]:
    """A load while the block runs; behind it, all of it must be in a folder's files, once and in order."""
    load = Load(client)
    sending = asyncio.create_task(load.send())
    try:
        yield load
    finally:
        load.stop()
        await sending
    await load.written(folder)


def read_indexes(folder: Path, run: RunKey) -> list[int]:
    """Return the indexes of a run's one writer in the order of its files."""
    site, name = run.tokens
    files = sorted((folder / name / site).glob("scalars*.jsonl"), key=lambda path: (len(path.name), path.name))
    lines = [line for path in files for line in path.read_text().splitlines(keepends=True)]
    return [json.loads(line)["index"] for line in lines if line.endswith("\n")]
