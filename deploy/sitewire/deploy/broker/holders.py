"""Which processes have a file or a port open, for messages that say whom to stop.

Read from ``/proc``; where there is none nobody is found.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_LISTEN: Final = "0A"


def file_holders(path: Path) -> str:
    """Return the processes that have a file open, as ``nats-server (pid 12)``; empty if none is visible."""
    wanted = str(path.resolve())
    return _named(lambda link: link == wanted)


def port_holders(port: int) -> str:
    """Return the processes that listen on a TCP port, in the same form."""
    sockets = {f"socket:[{inode}]" for inode in _listening(port)}
    return _named(lambda link: link in sockets) if sockets else ""


def _named(wanted: Callable[[str], bool]) -> str:
    found = [process for process in _processes() if any(map(wanted, _links(process)))]
    return ", ".join(f"{_name(process)} (pid {process.name})" for process in found)


def _processes() -> Iterator[Path]:
    if _PROC.is_dir():
        me = str(os.getpid())
        yield from (entry for entry in _PROC.iterdir() if entry.name.isdecimal() and entry.name != me)


def _links(process: Path) -> Iterator[str]:
    try:
        for entry in (process / "fd").iterdir():
            yield str(entry.readlink())
    except OSError:
        return  # it ended in between, or is somebody else's


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"


def _listening(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / table).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
