"""A place as all of its partitions in this process share it: the tracker, and threads of its own."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, ParamSpec, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read when MLflow is imported, which the next lines do

from sitewire.workers.sinks.mlflow.address import Address, address_of
from sitewire.workers.sinks.mlflow.channel import Channel
from sitewire.workers.sinks.mlflow.credentials import Credentials
from sitewire.workers.sinks.mlflow.database import DatabaseTracker
from sitewire.workers.sinks.mlflow.options import MlflowOptions
from sitewire.workers.sinks.mlflow.server import ServerTracker
from sitewire.workers.sinks.mlflow.tracker import Tracker
from sitewire.workers.sinks.threads import abandoned, to_the_end

P = ParamSpec("P")
T = TypeVar("T")

AT_ONCE: Final = 4
"""Requests of a place at once. More of them make a server slower, and an SQLite file has one writer."""

_Key: TypeAlias = tuple[MlflowOptions, Path]

_places: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[_Key, Place]]] = WeakKeyDictionary()


class Place:
    """A tracking store in use."""

    def __init__(self, options: MlflowOptions, base: Path) -> None:
        self._options = options
        self._base = base
        self._users = 0
        self._tracker: Tracker | None = None
        self._making = threading.Lock()
        # Its own: a tracker that does not answer must not take the threads of other sinks.
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mlflow")
        # Whoever waits for a thread waits here, where a cancellation ends it: 64 runs of a tracker that hangs would
        # keep a worker from its end for minutes otherwise.
        self._free = asyncio.Semaphore(AT_ONCE)

    @classmethod
    async def open(cls, options: MlflowOptions, base: Path) -> Place:
        """Return the place of these options, ready; one ``close`` is owed for it.

        Raises:
            PlaceDown, SinkUnavailable: it cannot be made ready.
        """
        places = _places.setdefault(asyncio.get_running_loop(), {})
        place = places.get((options, base)) or places.setdefault((options, base), cls(options, base))
        await place.enter()
        return place

    async def enter(self) -> None:
        """Count one more who uses it, and make it ready; who could not is not counted."""
        self._users += 1
        try:
            await self.call(self._make)
        except BaseException:
            await self.close()
            raise

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function that blocks in one of the place's threads.

        A cancellation is raised once the thread is done, or at once if it has not begun: what follows a cancelled
        request must not overtake it.
        """
        call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
        async with self._free:
            if abandoned():  # its threads may all hang
                raise asyncio.CancelledError
            return await to_the_end(asyncio.get_running_loop().run_in_executor(self._threads, call))

    async def close(self) -> None:
        """Let it go; the last one who does closes connections and threads."""
        self._users -= 1
        if self._users:
            return
        places = _places.get(asyncio.get_running_loop(), {})
        if places.get((self._options, self._base)) is self:
            del places[self._options, self._base]
        try:
            if self._tracker is not None and not abandoned():
                await self.call(self._tracker.close)
        finally:
            self._threads.shutdown(wait=False)

    @property
    def tracker(self) -> Tracker:
        """The store, for functions that ``call`` runs."""
        assert self._tracker is not None, "open gives no place away that is not ready"  # noqa: S101  for the types
        return self._tracker

    def _make(self) -> None:
        with self._making:  # its partitions are opened at once, each in a thread
            if self._tracker is None:
                address = address_of(self._options.tracking_uri, self._base)
                file = address.database
                self._tracker = self._server(address) if file is None else self._database(address, file)

    def _server(self, address: Address) -> Tracker:
        options = self._options
        credentials = Credentials(options, self._base)
        credentials.read()
        ca_file = None if options.ca_file is None else self._base / options.ca_file.expanduser()
        return ServerTracker(Channel(address.uri, credentials, options.timeout_seconds, ca_file, AT_ONCE))

    def _database(self, address: Address, file: Path) -> Tracker:
        return DatabaseTracker.open(file, address.uri, self._options.timeout_seconds)
