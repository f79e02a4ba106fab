"""A run as it is open at W&B's service: in a client that writes no file and is given rows that are committed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sitewire.workers.sinks.partition_lock import LOCK_FOLDER
from sitewire.workers.sinks.threads import in_thread
from sitewire.workers.sinks.wandb.appearance import Appearance
from sitewire.workers.sinks.wandb.host_process import HostProcess
from sitewire.workers.sinks.wandb.layout import segment_folders
from sitewire.workers.sinks.wandb.protocol import Operation
from sitewire.workers.sinks.wandb.unsent import SentRow

_FOLDER: Final = Path(LOCK_FOLDER, "online")
"""Where the client's logs are, as long as it runs: apart from the segments, which ``wandb sync`` knows too."""


class Session:
    """One opening of a run at the service.

    Attributes:
        host: where it is open.
        folder: of the client's log.
    """

    def __init__(self, host: HostProcess, run: str, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self._run = run

    @classmethod
    async def open(cls, host: HostProcess, place: Path, said: Mapping[str, Any], *, ends: bool) -> Session:
        """Open a run that is there, or make it.

        Args:
            host: that lives, in online mode.
            place: the sink's directory.
            said: the arguments of ``Operation.OPEN``, but for ``dir`` and ``ends``.
            ends: whether ``finish`` ends the run; otherwise it goes on.

        Raises:
            SinkUnavailable: the client did not do it.
        """
        folder = place / _FOLDER
        run = str(said["id"])
        await in_thread(_tidy, folder, run)
        file = await host.request(Operation.OPEN, run, {**said, "dir": str(folder), "ends": ends})
        return cls(host, run, Path(file).parent)

    async def write(self, said: Mapping[str, Any]) -> None:
        """Hand over a batch: the arguments of ``Operation.WRITE``.

        Raises:
            SinkUnavailable: the client did not take it.
        """
        await self.host.request(Operation.WRITE, self._run, said)

    async def rows(self, rows: Sequence[SentRow]) -> None:
        """Hand over rows alone.

        Raises:
            SinkUnavailable: the client did not take them.
        """
        await self.write({**Appearance.nothing, "rows": rows, "summary": {}, "last": []})

    async def finish(self, code: int) -> None:
        """Send all that is left, and close; what was sent is known from the service alone.

        Raises:
            SinkUnavailable: not all was sent, within the client's time.
        """
        await self.host.request(Operation.FINISH, self._run, code)

    async def forget(self) -> None:
        """Remove the client's log, once the session is closed."""
        await in_thread(shutil.rmtree, self.folder, ignore_errors=True)


def _tidy(folder: Path, run: str) -> None:
    """Make the folder; remove what a client that was killed has left of the run."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in segment_folders(folder, run):
        shutil.rmtree(old, ignore_errors=True)
