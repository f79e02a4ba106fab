"""Whether a file system really allocates when it is asked to.

Storing through a map into a block that the disk has no room for is SIGBUS and kills the trainer. Where
``posix_fallocate`` reserves the blocks that cannot happen; where the C library emulates it, or on a
network, it can, and the spool writes with system calls instead.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

ALLOCATING: Final = frozenset({"bcachefs", "btrfs", "ext4", "f2fs", "ocfs2", "overlay", "tmpfs", "xfs"})
"""Types whose ``fallocate`` is their own (Linux; an overlay passes it on to what lies under it)."""

_MOUNTS: Final = Path("/proc/self/mountinfo")
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def allocates(directory: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether files in ``directory`` can be mapped without fear. False where nobody can tell."""
    return hasattr(os, "posix_fallocate") and type_of(directory, mounts) in ALLOCATING


def type_of(directory: Path, mounts: Path = _MOUNTS) -> str | None:
    """Return the type of the file system that holds ``directory``; ``None`` where nobody can tell.

    Args:
        directory: an existing one.
        mounts: a table as proc(5) describes it for ``/proc/<pid>/mountinfo``.
    """
    try:
        table = mounts.read_text(errors="surrogateescape")
    except OSError:
        return None
    real = os.path.realpath(directory)
    best: tuple[int, str | None] = (-1, None)
    for line in table.splitlines():
        fields, _, rest = line.partition(" - ")
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields.split(" ")[4])
        # Of two on one point the later one is on top.
        if _holds(point, real) and len(point) >= best[0]:
            best = (len(point), rest.split(" ")[0])
    return best[1]


def _holds(point: str, path: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
