"""Which processes of a place are the client's: those whose standard input is one of its core locks."""

from __future__ import annotations

from pathlib import Path


def processes_of(place: Path) -> dict[str, int]:
    """Return the pids of ``host`` and ``core``, as far as they live."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            lock = entry.readlink()
            words = (entry.parents[1] / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if lock.name.startswith("core-") and lock.is_relative_to(place):
            found["core" if words[0].endswith(b"wandb-core") else "host"] = int(entry.parts[2])
    return found
