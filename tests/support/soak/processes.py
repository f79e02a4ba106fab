"""What processes use, as the kernel says it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True)
class Use:
    """What one process uses.

    Attributes:
        cpu: seconds of processor time since its start.
        rss, pss, anonymous: MiB: resident, its share of that, and the part that is no file's.
        fds, threads: how many.
    """

    cpu: float
    rss: float
    pss: float
    anonymous: float
    fds: int
    threads: int


def use_of(pid: int) -> Use | None:
    """Return what a process uses; None if it is gone."""
    with suppress(OSError, ValueError):
        _, _, fields = (_PROC / str(pid) / "stat").read_text().rpartition(") ")
        parts = fields.split()
        sizes = _sizes(pid)
        return Use(
            cpu=(int(parts[11]) + int(parts[12])) / _TICKS,
            rss=sizes["Rss"],
            pss=sizes["Pss"],
            anonymous=sizes["Anonymous"],
            fds=len(list((_PROC / str(pid) / "fd").iterdir())),
            threads=int(parts[17]),
        )
    return None


def children_of_all() -> Mapping[int, Sequence[int]]:
    """Return the children of every process of the machine."""
    children: dict[int, list[int]] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                _, _, fields = (entry / "stat").read_text().rpartition(") ")
                children.setdefault(int(fields.split()[1]), []).append(int(entry.name))
    return children


def family(root: int, children: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    waiting = [root]
    while waiting:
        yield (pid := waiting.pop())
        waiting += children.get(pid, ())


def command_of(pid: int) -> str:
    """Return the command line of a process; empty if it is gone."""
    with suppress(OSError):
        return (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def machine_busy() -> tuple[float, float]:
    """Return the seconds, since the start of the machine, in which processors worked, and that others took from it."""
    fields = (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, interrupts, soft, steal, *_ = (int(field) / _TICKS for field in fields)
    return user + nice + system + interrupts + soft, steal


def size_of(folder: Path) -> float:
    """Return what the files below a folder take of the disk, in MiB."""
    blocks = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                blocks += Path(where, name).lstat().st_blocks
    return blocks * 512 / 2**20


def _sizes(pid: int) -> dict[str, float]:
    lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    pairs = (line.split(":") for line in lines)
    return {name: int(rest.split()[0]) / 1024 for name, rest in pairs}
