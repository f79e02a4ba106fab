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
    found = list(_with_parents(place))
    hosts = {pid for name, pid, _ in found if name == "host"}
    for name, pid, parent in found:
        if not (name == "host" and parent in hosts):  # its own copy, which is about to become something else
            yield name, pid


def _with_parents(place: Path) -> Iterator[tuple[str, int, int]]:
    for entry in Path("/proc").glob("[0-9]*/fd/0"):
        try:
            lock = entry.readlink()
            words = (entry.parents[1] / "cmdline").read_bytes().split(b"\0")
            _, _, fields = (entry.parents[1] / "stat").read_text().rpartition(") ")
        except OSError:
            continue
        if lock.name.startswith("core-") and lock.is_relative_to(place):
            name = "core" if words[0].endswith(b"wandb-core") else "host"
            yield name, int(entry.parts[2]), int(fields.split()[1])
