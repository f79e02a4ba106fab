"""Who may still be writing to the files: a lock that outlives the worker and its host, and ends with ``wandb-core``.

The core writes the files, goes on for a moment when its host is killed, and can hang. So the host's standard input
is an open file that is held by ``flock``, which the core inherits: the lock is free when the last of both is gone.
Which lock that is, each partition notes before anything is opened in it; its next owner waits for that one.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import secrets
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sitewire.workers.errors import SinkBusy, os_errors_as_ours
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.files import make_folders
from sitewire.workers.sinks.partition_lock import LOCK_FOLDER
from sitewire.workers.sinks.threads import in_thread

DRAINS: Final = 5.0
"""Seconds that a core of a dead worker is waited for at a time: one that is well takes 0.1 s (measured)."""

_LOOK: Final = 0.02  # seconds between two looks
_CRASHED: Final = ("panic: ", "fatal error: ", "Fatal Python error: ")
_SHORT: Final = re.compile(r"(?<!invalid )memory|newosproc|no space|too many open files|temporarily", re.IGNORECASE)
"""What a crash says that the system is to blame for; ``invalid memory address`` is none of these."""

_NAME: Final = re.compile(r"core-[0-9a-f]{16}\.lock")


class CoreLock:
    """A lock that is made for one host; only that and its core hold it once ``let_go`` was called.

    Attributes:
        path: of the file. Standard error of host and core goes there too.
        descriptor: what the host is given as standard input.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def make(cls, place: Path) -> CoreLock:
        """Make a lock and hold it.

        Raises:
            SinkUnavailable: the file cannot be made.
        """
        with os_errors_as_ours(place):
            folder = place / LOCK_FOLDER
            make_folders(folder)
            path = folder / f"core-{secrets.token_hex(8)}.lock"
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else knows the name yet
            since = datetime.now(UTC).isoformat(timespec="seconds")
            note = json.dumps({"worker": os.getpid(), "host": socket.gethostname(), "since": since})
            os.write(descriptor, note.encode() + b"\n")
        return cls(path, descriptor)

    def let_go(self) -> None:
        """Close our descriptor: who inherited it holds on."""
        os.close(self.descriptor)


def is_free(path: Path) -> bool:
    """Whether nobody holds a lock any more; if so, its file is removed.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


async def drained(path: Path, seconds: float) -> bool:
    """Wait for a lock to be free; whether it is.

    Raises:
        SinkUnavailable: it cannot be looked at.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    with os_errors_as_ours(path):
        while not await in_thread(is_free, path):
            reached(Point.CORE_DRAINS)
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_LOOK)
    return True


def last_words(path: Path) -> tuple[str, bool]:
    """Return what a host said before it died, for people, and whether it or its core says that it has crashed."""
    try:
        lines = path.read_text(errors="replace").splitlines()[1:]
    except OSError:
        return "", False
    crash = next((line for line in lines if line.startswith(_CRASHED) and not _SHORT.search(line)), None)
    return (crash or "")[:300] or next((line[:300] for line in reversed(lines) if line.strip()), ""), crash is not None


class PartitionNote:
    """Under which core locks a partition's files are written: a file beside the partition's lock, a name a line."""

    def __init__(self, place: Path, partition: int) -> None:
        self._path = place / LOCK_FOLDER / f"{partition}.core"

    def add(self, lock: Path) -> None:
        """Note a lock, beside those noted before that somebody may still hold; the partition is ours.

        Raises:
            SinkUnavailable: the note cannot be written.
        """
        with os_errors_as_ours(self._path):
            draft = self._path.with_suffix(".draft")
            held = [path.name for path in self._noted() if path.exists() and path != lock]
            draft.write_text("".join(f"{name}\n" for name in (*held, lock.name)))
            draft.replace(self._path)

    def forget(self) -> None:
        """Remove the note: nothing of the partition is open in any core.

        Raises:
            SinkUnavailable: it cannot be removed.
        """
        with os_errors_as_ours(self._path):
            self._path.unlink(missing_ok=True)

    async def wait(self) -> None:
        """Return when no core of an earlier owner can write to the partition's files any more.

        Raises:
            SinkBusy: one still can.
            SinkUnavailable: the note or the lock cannot be read.
        """
        for lock in await in_thread(self._noted):
            if not await drained(lock, DRAINS):
                msg = f"{lock}: {await in_thread(_holder, lock)}"
                raise SinkBusy(msg)

    def _noted(self) -> list[Path]:
        with os_errors_as_ours(self._path):
            try:
                names = self._path.read_text().split()
            except FileNotFoundError:
                return []
        return [self._path.with_name(name) for name in names if _NAME.fullmatch(name)]


def _holder(path: Path) -> str:
    try:
        note = json.loads(path.read_text(errors="replace").splitlines()[0])
        return f"the W&B client of process {note['worker']} on {note['host']}, since {note['since']}, still writes"
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return "a W&B client that has not signed it still writes"
