"""The disk of the embedded broker's store: whether it takes anything."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOM: Final = 1 << 20
"""Bytes; a disk with less is full: the server needs some for its own books before it stores the first message."""

_PROBE: Final = "sitewire.probe"
_OF_THE_DISK: Final = frozenset({errno.EROFS, errno.EIO, errno.ENOSPC})


def takes_writes(store: Path) -> bool:
    """Whether ``ROOM`` can be written there, down to the disk. Blocks."""
    probe = store / _PROBE
    try:
        with probe.open("wb", buffering=0) as file:
            file.write(bytes(ROOM))
            os.fsync(file.fileno())
            return os.fstat(file.fileno()).st_size == ROOM
    except OSError:
        return False
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def disk_trouble(store: Path) -> str:
    """Return why a store on this machine takes nothing, in words; empty if it does, or is somewhere else. Blocks."""
    try:
        found = os.statvfs(store)
    except OSError:
        return ""
    if found.f_bavail * found.f_frsize < ROOM:
        return f"the disk of the broker's store {store} is full; publishers wait until there is room"
    if reason := _refusal(store / f"{_PROBE}-{os.getpid()}"):
        return f"the disk of the broker's store {store} takes nothing: {reason}; publishers wait"
    return ""


def _refusal(probe: Path) -> str:
    """Return what a disk says to a new file. What it is mounted as does not tell: a kernel protects it by itself."""
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        # Who may not write here says nothing of the disk.
        return os.strerror(error.errno) if error.errno in _OF_THE_DISK else ""
    return ""
