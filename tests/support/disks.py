"""File systems of a few MiB, each of a test's own, that fill up, get room again, and turn read-only under who writes.

They are mounted, which takes root. For everybody else there is ``limited``: a running process whose files grow no more.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

MIB: Final = 1 << 20
LETS_GO: Final = 20.0  # seconds for the last process to let go of a file


class Disk:
    """A mounted file system.

    Attributes:
        path: where.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Take all room that there is, down to the last byte; again, what others have let go of meanwhile."""
        with self._ballast.open("ab", buffering=0) as file:
            piece = MIB
            while piece:
                try:
                    file.write(bytes(piece))
                except OSError:
                    piece //= 2

    def keep_full(self, seconds: float) -> None:
        """Fill it, and take what becomes free for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.fill()
            time.sleep(min(left, 0.1))  # nothing says that somebody has let go of a block

    def make_room(self) -> None:
        """Let go of what ``fill`` took."""
        self._ballast.unlink(missing_ok=True)

    def mount(self) -> None:
        """Make it, or bring it back with what it held."""
        raise NotImplementedError

    def unmount(self) -> None:
        """Take it away, as soon as nobody has a file of it open."""
        deadline = time.monotonic() + LETS_GO
        while not _runs("umount", str(self.path)):
            assert time.monotonic() < deadline, f"{self.path} is in use"
            time.sleep(0.05)


class MemoryDisk(Disk):
    """In memory: quick, and empty once it is unmounted."""

    def __init__(self, path: Path, mib: int) -> None:
        super().__init__(path)
        self._mib = mib

    def mount(self) -> None:
        """Make it."""
        _need("mount", "-t", "tmpfs", "-o", f"size={self._mib}m", "tmpfs", str(self.path))


class Ext4Disk(Disk):
    """A real file system in a file: it keeps what it held, and can meet an error that has the kernel protect it."""

    def __init__(self, path: Path, mib: int) -> None:
        super().__init__(path)
        self._image = path.with_name(f"{path.name}.ext4")
        with self._image.open("wb") as file:
            file.truncate(mib * MIB)
        _need("mkfs.ext4", "-q", "-m", "0", str(self._image))

    def mount(self) -> None:
        """Mount it, with what it held."""
        _need("mount", "-o", "loop", str(self._image), str(self.path))
        with suppress(OSError):
            (self.path / "lost+found").rmdir()  # what holds a tracker's files is to look empty

    def fail(self) -> None:
        """Have it turn read-only at once, as the kernel does with one that has met an error, whoever writes.

        Whoever has files open keeps it busy, read-only; it is writable again once it was unmounted and mounted.
        """
        _need("mount", "-o", "remount,abort", str(self.path))


@contextmanager
def mounted(disk: Disk) -> Iterator[Disk]:
    """Have a disk for as long as the block runs."""
    disk.mount()
    try:
        yield disk
    finally:
        disk.unmount()


@contextmanager
def limited(pid: int, size: int = 1) -> Iterator[None]:
    """Have no file of a process grow beyond a size in bytes as long as the block runs; so of those that it starts."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def need_root() -> None:
    """Skip the test where nothing can be mounted, and say so."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")


def _need(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be had here: {done.stderr.strip()}")


def _runs(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
