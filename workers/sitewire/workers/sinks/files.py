"""Files that only ever grow, and how many of them are open at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final

from sitewire.workers.errors import SinkUnavailable, os_errors_as_ours
from sitewire.workers.point import Point, reached, watched

MAX_KEPT_OPEN: Final = 128
"""Files of this process that stay open from a write to its commit; the usual limit is 1024 descriptors in all.

A file over the bound is synced at once and closed. Between commits no file is open, however many runs there are.
"""

_kept: Final = threading.BoundedSemaphore(MAX_KEPT_OPEN)


class GrowingFile:
    """A file of which this process is the only writer: appended to, synced, never cut and never rewritten.

    Attributes:
        path: where it is.
        size: bytes in it, whether durable or not.
    """

    def __init__(self, path: Path, size: int = 0) -> None:
        self.path = path
        self.size = size
        self._descriptor: int | None = None

    @classmethod
    def create(cls, path: Path) -> GrowingFile:
        """Make a file that did not exist, and its folders; its name is durable on return.

        Raises:
            SinkUnavailable: it exists, or cannot be made.
        """
        with os_errors_as_ours(path):
            make_folders(path.parent)
            reached(Point.FILE_OPENING)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
            sync_folder(path.parent)
        return cls(path)

    def append(self, data: bytes) -> None:
        """Write at the end. A failure leaves an unknown part of ``data`` there.

        Raises:
            SinkUnavailable: the disk is full, or anything else; or somebody else has changed the file.
        """
        with os_errors_as_ours(self.path):
            descriptor = self._open()
            try:
                _write(descriptor, data)
                self.size += len(data)
                if self._descriptor is None:
                    os.fsync(descriptor)  # nobody would see the error of a write-back after the close
            finally:
                if self._descriptor is None:
                    os.close(descriptor)

    def sync(self) -> None:
        """Make what was appended durable, and close.

        Raises:
            SinkUnavailable: the disk did not take it.
        """
        if self._descriptor is None:
            return
        try:
            with os_errors_as_ours(self.path):
                os.fsync(self._descriptor)
        finally:
            self.close()

    def close(self) -> None:
        """Close without a sync. Can be called twice."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            _kept.release()
            os.close(descriptor)

    def _open(self) -> int:
        if self._descriptor is not None:
            return self._descriptor
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        size = os.fstat(descriptor).st_size
        if size != self.size:
            os.close(descriptor)
            msg = f"{self.path}: has {size} bytes where {self.size} were written; somebody else writes to it"
            raise SinkUnavailable(msg)
        if _kept.acquire(blocking=False):
            self._descriptor = descriptor
        return descriptor


def absolute(path: Path, base: Path) -> Path:
    """Return a configured path as an absolute one, with ``~`` for the home and no ``..`` in it.

    Asks the disk nothing: links stay, and two names of one place are told apart by its locks alone.
    """
    whole = base / path.expanduser()
    return Path(os.path.normpath(whole if whole.is_absolute() else whole.absolute()))


def make_folders(folder: Path) -> None:
    """Make a folder and those above it; their names are durable on return."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(path: Path) -> None:
    """Make a file that a dead owner left durable as it is, and have it read from the disk next.

    What is in memory only would be counted as committed and lost with the power; and after a failed write-back
    the kernel calls pages clean that never reached the disk.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes) -> None:
    if watched():  # no test could come between the parts of one write, as a kill can
        half = len(data) // 2
        _write_all(descriptor, data[:half])
        reached(Point.BATCH_TORN)
        data = data[half:]
    _write_all(descriptor, data)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
