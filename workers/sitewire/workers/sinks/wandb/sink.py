"""W&B: a directory of its files. Importable without the extra: what needs it is imported when the sink opens.

In online mode the same files are written, and a run is wrapped by one that sends them to the service (``online_run``).
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self
from weakref import WeakSet

from pydantic import Field, model_validator

from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import CLASS_OF, Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import MissingExtra, NotOpen, SinkUnavailable
from sitewire.workers.sinks.contract import FlushSeconds, RunSink, Sink, SinkOptions
from sitewire.workers.sinks.files import absolute
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.sinks.threads import in_thread, to_the_end
from sitewire.workers.sinks.wandb.core_lock import PartitionNote
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.hosts import Hosts
from sitewire.workers.sinks.wandb.idle import IdleRuns
from sitewire.workers.sinks.wandb.online_run import OnlineRun
from sitewire.workers.sinks.wandb.online_settings import settings_of_service
from sitewire.workers.sinks.wandb.run import WandbRun
from sitewire.workers.sinks.wandb.service import DEFAULT_URL, Service
from sitewire.workers.sinks.wandb.uploader import Uploader

_SHARE: Final = 20
_QUICKEST: Final = 0.01
_SLOWEST: Final = 0.05
"""Seconds between two flushes of a file by the client, a share of ``flush_seconds``. 64 runs at 0.01: 5 % of a core."""


def _is_installed() -> bool:
    """Whether there is a package of that name: the client itself makes folders that are called so."""
    found = importlib.util.find_spec("wandb")
    return found is not None and found.origin is not None


class WandbOptions(SinkOptions):
    """Keys of ``sink: {type: wandb}``."""

    dir: Path = Field(description="Directory of W&B's files; each run writes to <dir>/wandb/*run-<time>-<id>/.")
    mode: Literal["offline", "online"] = Field(
        default="offline", description="`offline` needs no account (`wandb sync` uploads later); `online` uploads too."
    )
    entity: str | None = Field(default=None, description="User or team that owns the runs; default: the key's own.")
    base_url: str | None = Field(default=None, description="Address of a W&B server of your own.")
    flush_seconds: FlushSeconds = 1.0
    api_key_file: Path | None = Field(default=None, description="File that holds the API key; `online` needs it.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode == "online" and self.api_key_file is None:
            msg = "mode online needs api_key_file"
            raise ValueError(msg)
        if self.mode == "offline" and (self.entity or self.base_url or self.api_key_file):
            msg = "entity, base_url and api_key_file are for mode online; `wandb sync` has options of its own"
            raise ValueError(msg)
        if self.base_url is not None and not self.base_url.startswith(("http://", "https://")):
            msg = "base_url begins with https:// or http://"
            raise ValueError(msg)
        return self

    def service(self, base: Path) -> Service | None:
        """Return W&B's service, in online mode; ``base`` is the folder of the config file."""
        if self.mode == "offline" or self.api_key_file is None:
            return None
        url = (self.base_url or DEFAULT_URL).rstrip("/")
        return Service(url, self.entity, absolute(self.api_key_file, base))


class WandbSink(Sink):
    """Runs in W&B's files."""

    name = "wandb"
    Options: ClassVar[type[SinkOptions]] = WandbOptions

    def __init__(self, place: Path, settings: Mapping[str, Any], pace: float, service: Service | None = None) -> None:
        self.pace = pace
        self._service = service
        self._uploads: Hosts | None = None
        self._place = place
        self._settings = settings
        self._lock: PartitionLock | None = None
        self._note: PartitionNote | None = None
        self._noted: WeakSet[HostProcess] = WeakSet()
        self._noting = asyncio.Lock()
        self._idle: IdleRuns[WandbRun] = IdleRuns()
        self._runs: WeakSet[WandbRun] = WeakSet()
        self._hosts: Hosts | None = None

    @classmethod
    def from_options(cls, options: WandbOptions, base: Path) -> Self:
        """Make the sink of a directory."""
        flush = min(max(options.flush_seconds / _SHARE, _QUICKEST), _SLOWEST)
        settings = {"mode": "offline", "flush": flush}
        return cls(absolute(options.dir, base), settings, options.flush_seconds, options.service(base))

    @property
    def identity(self) -> str:
        """``wandb:`` and the directory."""
        return f"{self.name}:{self._place}"

    def holds(self, kind: Kind) -> bool:
        """Every kind that there is."""
        return kind in CLASS_OF

    async def open(self, partition: int) -> None:
        """Take the partition's lock, and wait for what an earlier owner's client still writes."""
        if self._lock is not None:
            msg = f"{self.identity}: is open already"
            raise NotOpen(msg)
        if not await in_thread(_is_installed):
            raise MissingExtra(self.name, "wandb")
        await in_thread(self._take, partition)
        self._note = PartitionNote(self._place, partition)
        await self._note.wait()
        self._hosts = Hosts.of(self._place, self._settings)
        if self._service is not None:
            self._uploads = Hosts.of(self._place, settings_of_service(self._service))

    async def open_run(self, key: RunKey, experiment: str, known: Mapping[StreamKey, Position]) -> RunSink:  # noqa: ARG002  the files know their positions
        """Read the segments of a run."""
        if self._hosts is None:
            msg = f"{self.identity}: open the sink first"
            raise NotOpen(msg)
        if self._uploads is None or self._service is None:
            kept = await self._idle.take(key)
            return kept or await self._files(self._hosts, key, experiment, self._idle)
        files = await self._files(self._hosts, key, experiment)
        title = f"{key.run}/{key.site}"
        uploader = Uploader(self._uploads, self._service, files.name, files.project, title)
        return await OnlineRun.open(files, uploader)

    async def _files(
        self, hosts: Hosts, key: RunKey, experiment: str, idle: IdleRuns[WandbRun] | None = None
    ) -> WandbRun:
        run = await WandbRun.open(hosts, key, experiment, self._write_note, idle)
        self._runs.add(run)
        return run

    async def close(self) -> None:
        """Let the lock go, and the host, if it is the last that uses it."""
        await to_the_end(self._close())

    async def _close(self) -> None:
        hosts, self._hosts = self._hosts, None
        uploads, self._uploads = self._uploads, None
        try:
            for run in list(self._runs):  # closed before by whoever keeps the contract
                await run.close()
            await self._idle.end()
            if uploads is not None:
                with suppress(SinkUnavailable):  # one that lingers sends no other rows than the next one
                    await uploads.release()
            if hosts is not None:
                await self._release(hosts)
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                await in_thread(lock.release)

    async def _release(self, hosts: Hosts) -> None:
        note, self._note = self._note, None
        self._noted.clear()
        with suppress(SinkUnavailable):  # then the note stays, and the next owner waits for what still writes
            await hosts.release()
            await hosts.settled()
            if note is not None:
                await in_thread(note.forget)

    async def _write_note(self, host: HostProcess) -> None:
        async with self._noting:
            if self._note is not None and host not in self._noted:
                await in_thread(self._note.add, host.lock.path)
                self._noted.add(host)

    def _take(self, partition: int) -> None:
        # Noted here and not behind the await: a cancellation in between would leave the lock to nobody.
        self._lock = PartitionLock.take(self._place, partition)
