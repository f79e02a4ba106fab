"""A file that bytes are put into at positions: through a map, or by system calls where a map is not safe."""

from __future__ import annotations

import mmap
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

PAGE_BYTES: Final = 4096
_TOUCH_BYTES: Final = 1 << 20
_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class Storage(Protocol):
    """One open file. Never truncated: another process may have it mapped, and a lost page is SIGBUS."""

    def write(self, position: int, data: bytes) -> None:
        """Put bytes there. In the kernel's hands on return, so no kill of this process can take them.

        Raises:
            OSError: nothing reliable has been written; the disk is full or broken.
        """

    def sync(self) -> None:
        """Wait until all that was written is on the disk. Other threads run meanwhile.

        Raises:
            OSError: the disk did not take it.
        """

    def close(self) -> None:
        """Let go of the file.

        Raises:
            OSError: it was closed before.
        """


class Mapped:
    """A file with all its blocks allocated, written by storing to memory."""

    def __init__(self, path: Path, size: int) -> None:
        self._fd = os.open(path, _FLAGS, 0o666)
        try:
            os.posix_fallocate(self._fd, 0, size)
            self._map = mmap.mmap(self._fd, size)
        except BaseException:
            os.close(self._fd)
            path.unlink(missing_ok=True)
            raise
        self._touch(size)

    def write(self, position: int, data: bytes) -> None:
        """Store the bytes; see ``Storage``."""
        self._map[position : position + len(data)] = data

    def sync(self) -> None:
        """See ``Storage``. Not ``mmap.flush``: that holds the interpreter for the whole write."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """See ``Storage``."""
        self._map.close()
        fd, self._fd = self._fd, -1
        os.close(fd)

    def _touch(self, size: int) -> None:
        """Fault every page in now, in the background, rather than in a log call."""
        for start in range(0, size, _TOUCH_BYTES):
            end = min(start + _TOUCH_BYTES, size)
            self._map[start : end : mmap.PAGESIZE] = bytes(len(range(start, end, mmap.PAGESIZE)))
            time.sleep(0)  # about 150 us with the interpreter held; let the trainer have it


class Written:
    """A file that grows as it is written, by system calls."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, _FLAGS, 0o666)
        self._end = 0

    def write(self, position: int, data: bytes) -> None:
        """Write the bytes; see ``Storage``."""
        try:
            written = os.pwrite(self._fd, data, position)
            while written < len(data):  # a disk that fills up takes a part first, then says so
                written += os.pwrite(self._fd, data[written:], position + written)
        except OSError:
            # Take the part back, or it would look like damage. Nobody maps a file that is written.
            with suppress(OSError):
                os.ftruncate(self._fd, self._end)
            raise
        self._end = max(self._end, position + len(data))

    def sync(self) -> None:
        """See ``Storage``."""
        getattr(os, "fdatasync", os.fsync)(self._fd)

    def close(self) -> None:
        """See ``Storage``."""
        fd, self._fd = self._fd, -1  # what comes too late must not reach another file with the same number
        os.close(fd)


def create(path: Path, size: int, *, mapped: bool) -> Storage:
    """Make a new file for ``size`` bytes.

    Raises:
        OSError: no room, no permission, no directory; nothing of it is left behind.
    """
    return Mapped(path, size) if mapped else Written(path)
