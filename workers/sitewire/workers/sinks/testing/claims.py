"""Claims in a folder: what the tests have in the place of the broker's bucket."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path
from typing import Final

from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.threads import in_thread

FOLDER: Final = ".claims"
"""Below a place, so that the processes of a test share it; made with the first claim."""


class FileClaims(Claims):
    """One file a name, replaced in one step, under a lock that a killed process lets go of.

    Args:
        folder: of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def read(self, name: str) -> str | None:
        """Return what is claimed under a name."""
        return await in_thread(self._read, name)

    async def claim(self, name: str, value: str, instead_of: str | None = None) -> str:
        """Claim a name, by comparing with what is there."""
        return await in_thread(self._claim, name, value, instead_of)

    def _read(self, name: str) -> str | None:
        try:
            return self._path(name).read_text()
        except FileNotFoundError:
            return None

    def _claim(self, name: str, value: str, instead_of: str | None) -> str:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            there = self._read(name)
            if there != instead_of and there is not None:
                return there
            draft = self._path(name).with_suffix(f".{os.getpid()}")
            draft.write_text(value)
            draft.replace(self._path(name))
        return value

    def _path(self, name: str) -> Path:
        return self._folder / hashlib.sha256(name.encode()).hexdigest()  # a name can be longer than a file's
