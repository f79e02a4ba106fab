"""Locks that die with their process, whatever kills it.

``lockf``, not ``flock``: a forked child keeps its parent's ``flock`` alive. The price is a rule: closing *any*
descriptor of a file drops all locks that the process has on it. So a process never opens a lock
file that it holds; it remembers which ones those are and answers from memory.
"""

from __future__ import annotations

import fcntl
import os
import struct
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

_Inode: TypeAlias = tuple[int, int]

_FLOCK: Final = "hhqqi0q"
"""The kernel's ``struct flock``: type, whence, start, length, process id, and what fills it up."""

_held: Final[dict[_Inode, tuple[int, Path]]] = {}
"""Descriptor and path of each; the path as it was when the lock was taken."""
# Held while a lock file is open and not yet remembered: a second thread that opened and closed the
# same file in between would drop the lock. Reentrant: a signal handler may ask while its thread is in here.
_mutex = threading.RLock()


def take(path: Path) -> bool:
    """Take the lock if nobody has it, in this process or another.

    Raises:
        OSError: the file cannot be made, or the file system has no locks.
    """
    with _mutex:
        if _inode(path) in _held:
            return False
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            taken = _try(fd, fcntl.LOCK_EX)
            if taken:
                status = os.fstat(fd)
                _held[status.st_dev, status.st_ino] = fd, path
        except BaseException:
            os.close(fd)
            raise
        if not taken:
            os.close(fd)
        return taken


def release(path: Path) -> None:
    """Let go of a lock that this process took; nothing happens if it has not.

    It is let go of though its file has been moved away, or the disk does not answer.
    """
    with _mutex:
        inode = _taken(path)
        if inode is not None:
            fd, _ = _held.pop(inode)
            with suppress(OSError):  # the descriptor is gone whatever ``close`` says
                os.close(fd)


def is_held(path: Path) -> bool:
    """Whether some process, this one included, has the lock. A file that is not there is not held.

    Raises:
        OSError: the file cannot be opened or has no locks.
    """
    with _mutex:
        inode = _inode(path)
        if inode is None or inode in _held:
            return inode is not None
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            return not _try(fd, fcntl.LOCK_SH)  # shared: two that ask at once do not see each other
        finally:
            os.close(fd)


def holder(path: Path) -> int | None:
    """Return the process id of another process that has the lock.

    None if nobody has it, or this process, or if the system does not say: it does on Linux, of its own processes.

    Raises:
        OSError: the file cannot be opened or has no locks.
    """
    if sys.platform != "linux":
        return None
    with _mutex:
        inode = _inode(path)
        if inode is None or inode in _held:
            return None
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        finally:
            os.close(fd)
    kind, _, _, _, pid = struct.unpack(_FLOCK, answer)
    return pid if kind != fcntl.F_UNLCK and pid > 0 else None


def _try(fd: int, operation: int) -> bool:
    try:
        fcntl.lockf(fd, operation | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX leaves both open for "another has it"
        return False
    return True


def _taken(path: Path) -> _Inode | None:
    """Return which of the locks that this process holds is meant by a path, if one is."""
    with suppress(OSError):
        if (inode := _inode(path)) in _held:
            return inode
    return next((inode for inode, (_, taken) in _held.items() if taken == path), None)


def _inode(path: Path) -> _Inode | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_dev, status.st_ino


def _forget() -> None:
    """In a forked child: the locks are the parent's, and so was a thread that may have been in the mutex."""
    global _mutex  # noqa: PLW0603  one mutex a process
    _mutex = threading.RLock()
    for fd, _ in _held.values():
        os.close(fd)  # drops locks of this process only, and it has none
    _held.clear()


os.register_at_fork(after_in_child=_forget)
