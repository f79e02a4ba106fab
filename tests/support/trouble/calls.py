"""The system calls by which this process touches its disk, each of them announced.

Everything that the spool asks of the disk goes through a handful of functions of Python's; they are replaced, in a
process that was forked for it, by functions that announce the call. Who is told decides what becomes of it: the process
may end before, in the middle of or behind the call, or the call fails. A store into a map is no system call, but is
announced as one that writes: a kill can leave half of it.
"""

from __future__ import annotations

import fcntl
import io
import mmap
import os
from collections.abc import Callable
from typing import Any, Final, Protocol

PLAIN: Final = (
    "close",
    "fdatasync",
    "fstat",
    "fsync",
    "ftruncate",
    "listdir",
    "lstat",
    "mkdir",
    "open",
    "posix_fallocate",
    "pread",
    "readlink",
    "remove",
    "rename",
    "replace",
    "rmdir",
    "scandir",
    "stat",
    "truncate",
    "unlink",
    "utime",
)
"""Functions of ``os`` that do something whole. ``write`` and ``pwrite`` may do a part of it."""

LOOKING: Final = frozenset({"fstat", "listdir", "lstat", "pread", "read", "readlink", "scandir", "stat"})
"""Calls that change nothing on the disk."""


class Announce(Protocol):
    """What is told of each call."""

    def __call__(self, name: str, do: Callable[[], Any], half: Callable[[], Any] | None) -> Any:
        """Let the call happen, or not.

        Args:
            name: of the call.
            do: makes it.
            half: makes a part of it; only what writes has one.
        """


def intercept(announce: Announce) -> None:
    """Replace the functions, for the rest of this process."""
    for name in PLAIN:
        setattr(os, name, _plain(name, getattr(os, name), announce))
    real = os.pwrite

    def pwrite(fd: int, data: bytes, position: int) -> Any:
        half = data[: len(data) // 2]
        return announce("pwrite", lambda: real(fd, data, position), lambda: real(fd, half, position))

    setattr(os, "pwrite", pwrite)  # noqa: B010  takes any buffer
    fcntl.lockf = _plain("lockf", fcntl.lockf, announce)
    _intercept_maps(announce)
    _intercept_files(announce)


def _plain(name: str, real: Callable[..., Any], announce: Announce) -> Callable[..., Any]:
    return lambda *args, **kwargs: announce(name, lambda: real(*args, **kwargs), None)


def _intercept_maps(announce: Announce) -> None:
    real = mmap.mmap

    class Map(real):  # type: ignore[misc, valid-type]  # the class that is there now, whatever it is
        def __setitem__(self, where: Any, data: Any) -> None:
            put = super().__setitem__

            def half() -> None:
                if isinstance(where, slice) and where.step is None:
                    middle = where.start + len(data) // 2
                    put(slice(where.start, middle), data[: middle - where.start])

            announce("store", lambda: put(where, data), half)

    setattr(mmap, "mmap", lambda *args: announce("mmap", lambda: Map(*args), None))  # noqa: B010  a class, to mypy


def _intercept_files(announce: Announce) -> None:
    class Raw(io.FileIO):
        def __init__(self, path: Any, mode: str) -> None:
            begin = super().__init__
            announce("open", lambda: begin(path, mode), None)

        def write(self, data: Any, /) -> int:
            put, whole = super().write, bytes(data)
            written: int = announce("write", lambda: put(whole), lambda: put(whole[: len(whole) // 2]))
            return written

        def readinto(self, buffer: Any, /) -> int:
            count: int = announce("read", lambda: super(Raw, self).readinto(buffer), None)
            return count

        def readall(self) -> bytes:
            data: bytes = announce("read", lambda: super(Raw, self).readall(), None)
            return data

        def close(self) -> None:
            if not self.closed:
                shut = super().close
                announce("close", shut, None)

    def open_(path: Any, mode: str = "r", _buffering: int = -1, encoding: Any = None, *_: Any, **_more: Any) -> Any:
        raw = Raw(path, mode.replace("b", ""))
        file = io.BufferedReader(raw) if "r" in mode else io.BufferedWriter(raw)
        return file if "b" in mode else io.TextIOWrapper(file, encoding)

    setattr(io, "open", open_)  # noqa: B010  overloaded
