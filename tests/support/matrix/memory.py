"""The most resident memory that the processes of each role have held, of those too that have died meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from support.beside import beside

INTERVAL: Final = 0.5  # seconds between two looks; the kernel keeps the peak of a process as long as it lives


class Memory:
    """Looks again and again at the processes of roles, and at their descendants by their own names.

    Args:
        roles: returns process ids by role.

    Attributes:
        peaks: MiB by role, of the largest process of it.
    """

    def __init__(self, roles: Callable[[], Mapping[str, Iterable[int]]]) -> None:
        self.peaks: dict[str, int] = {}
        self._roles = roles
        self._stop = threading.Event()

    def watch(self) -> None:
        """Look until told to stop."""
        while not self._stop.wait(INTERVAL):
            self.look()

    def look(self) -> None:
        """Look once."""
        for role, pids in self._roles().items():
            for pid in pids:
                self._note(role, pid)
                for child in descendants(pid):
                    self._note(name_of(child), child)

    def stop(self) -> None:
        self._stop.set()

    def _note(self, role: str, pid: int) -> None:
        self.peaks[role] = max(self.peaks.get(role, 0), peak_mib(pid))


@contextmanager
def watching_memory(roles: Callable[[], Mapping[str, Iterable[int]]]) -> Iterator[Memory]:
    """Look in a thread as long as the block runs."""
    memory = Memory(roles)
    with beside(memory.watch, memory.stop, "memory"):
        yield memory


def peak_mib(pid: int) -> int:
    """Return the most resident memory that a process has held, in MiB; 0 if it is gone."""
    return next((int(line.split()[1]) >> 10 for line in _read(pid, "status") if line.startswith("VmHWM")), 0)


def name_of(pid: int) -> str:
    """Return the name of a process's program; of a module that Python runs, the module's."""
    arguments = "".join(_read(pid, "cmdline")).split("\0")
    module = arguments[arguments.index("-m") + 1] if "-m" in arguments[:-1] else ""
    return ".".join(module.split(".")[-2:]) or "".join(_read(pid, "comm")).strip() or "gone"


def descendants(pid: int) -> Iterator[int]:
    """Yield the process ids of children and their children."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        for child in "".join(_read(pid, f"task/{task.name}/children")).split():
            yield int(child)
            yield from descendants(int(child))


def _read(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError:
        return []  # it has ended
