"""Changes each Python process below a test that has this folder on its path, before anything of its own is imported.

``TEST_CLOCKS`` names the folder of ``support.clocks``: the wall clock of the process is what its file there says.
``TEST_NO_NAMES`` names a file: as long as it is there, no name of this machine is found, as when a DNS server is away.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any

ROLES = {"worker": "worker", "collect": "sidecar", "support.load": "trainer"}
FORMAT = struct.Struct("=dd")  # seconds ahead, and how many more it is each second


def role() -> str:
    """Return whose process this is."""
    return next((ROLES[word] for word in sys.orig_argv if word in ROLES), "other")


def change_clock(folder: Path) -> None:
    """Have the wall clock go by a file of this process, which begins as that of its role."""
    begin = folder / role()
    file = folder / f"{role()}-{os.getpid()}"
    file.write_bytes(begin.read_bytes() if begin.exists() else bytes(FORMAT.size))
    with file.open("r+b") as opened:
        page = mmap.mmap(opened.fileno(), FORMAT.size, access=mmap.ACCESS_READ)
    real, steady, began = time.time, time.monotonic, time.monotonic()

    def changed() -> float:
        ahead: float
        drift: float
        ahead, drift = FORMAT.unpack_from(page)
        return real() + ahead + drift * (steady() - began)

    time.time = changed
    time.time_ns = lambda: int(changed() * 1e9)


def hide_names(file: Path) -> None:
    """Have ``localhost`` not be found while a file is there."""
    real = socket.getaddrinfo

    def changed(host: Any, *rest: Any, **more: Any) -> Any:
        if host in ("localhost", b"localhost") and file.exists():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *rest, **more)

    socket.getaddrinfo = changed


if found := os.environ.get("TEST_CLOCKS"):
    change_clock(Path(found))
if found := os.environ.get("TEST_NO_NAMES"):
    hide_names(Path(found))
