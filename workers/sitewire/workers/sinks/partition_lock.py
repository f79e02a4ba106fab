"""One owner per partition of a place that is made of files.

The owner's lease alone does not keep a stopped process, continued later, from writing beside its successor; the kernel
does. ``lockf`` and not ``flock``: a forked child would keep the latter for its dead parent. The price is that
closing *any* descriptor of the file drops the process's lock, so a process never opens a lock file that it holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sitewire.workers.errors import SinkBusy, os_errors_as_ours

LOCK_FOLDER: Final = ".sitewire"
"""In the place: no run's token begins with a dot."""

_held: Final[set[str]] = set()
_guard: Final = threading.Lock()


class PartitionLock:
    """Exclusive use of one partition of a place, from ``take`` until ``release`` or the process's death."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, place: Path, partition: int) -> PartitionLock:
        """Take the lock; never waits.

        Raises:
            SinkBusy: another process, or another sink of this one, holds it.
            SinkUnavailable: the lock file cannot be made.
        """
        with os_errors_as_ours(place):
            folder = Path(os.path.realpath(place)) / LOCK_FOLDER
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{partition}.lock"
            with _guard:
                if str(path) in _held:
                    msg = f"{path}: held by another sink of this process ({os.getpid()})"
                    raise SinkBusy(msg)
                descriptor = _lock(path)
                _held.add(str(path))
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go. Can be called twice."""
        with _guard:
            if self._descriptor is None:
                return
            descriptor, self._descriptor = self._descriptor, None
            _held.discard(str(self.path))
            os.close(descriptor)


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:  # EAGAIN or EACCES, as the system likes
            msg = f"{path}: {_holder(descriptor)}"
            raise SinkBusy(msg) from error
        _sign(descriptor)
    except BaseException:  # whatever it was, the descriptor must not stay
        os.close(descriptor)
        raise
    return descriptor


def _sign(descriptor: int) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    note = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, note.encode() + b"\n", 0)


def _holder(descriptor: int) -> str:
    """Say who signed the file. It is for people only: the lock decides, not the note."""
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"held by process {note['pid']} on {note['host']} since {note['since']}"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "held by a process that has not signed it yet"
