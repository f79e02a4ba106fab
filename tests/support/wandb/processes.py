"""Which processes of a place are the client's: those whose standard input is one of its core locks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def processes_of(place: Path) -> dict[str, int]:
    """Return the pids of ``host`` and ``core``, as far as they live."""
    return dict(_processes(place))


def pids_of(place: Path, what: str = "") -> list[int]:
    """Return the pids of all of them; where there are several hosts, of each, or of each ``core``."""
    return [pid for name, pid in _processes(place) if what in ("", name)]


def _processes(place: Path) -> Iterator[tuple[str, int]]:
    for entry in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            lock = entry.readlink()
            words = (entry.parents[1] / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if lock.name.startswith("core-") and lock.is_relative_to(place):
            yield "core" if words[0].endswith(b"wandb-core") else "host", int(entry.parts[2])
