"""The resident memory of each process of a campaign over time, from the kernel's own books."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from support.beside import beside

INTERVAL: Final = 0.5  # seconds between two looks
SETTLED: Final = 3  # samples of a half that make its peak more than chance


class Sample(NamedTuple):
    """One look at a process. Sizes in MiB.

    Attributes:
        at: seconds since the epoch.
        resident: all pages that are in memory; those of mapped files, which the kernel may drop, count too.
        own: those that are nobody's file.
        most: the highest ``resident`` up to now, between two looks too.
    """

    at: float
    resident: float
    own: float
    most: float


def sample(pid: int) -> Sample | None:
    """Look at a process; None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines())
    if "VmRSS" not in fields:  # a zombie has no memory
        return None
    resident, own, most = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "RssAnon", "VmHWM"))
    return Sample(time.time(), resident, own, most)


class MemoryWatch:
    """Looks at processes by role, again and again.

    Attributes:
        samples: of each process, by role and process id.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self.samples: dict[tuple[str, int], list[Sample]] = {}
        self._interval = interval
        self._stop = threading.Event()

    def add(self, role: str, *pids: int) -> None:
        """Look at these too; processes that end stay in the books."""
        for pid in pids:
            self.samples.setdefault((role, pid), [])
        self.look()

    def watch(self) -> None:
        """Look until told to stop."""
        while not self._stop.wait(self._interval):
            self.look()

    def look(self) -> None:
        """Look once."""
        for (_, pid), samples in list(self.samples.items()):
            if (seen := sample(pid)) is not None:
                samples.append(seen)

    def stop(self) -> None:
        self._stop.set()

    def peaks(self, *, own: bool = False) -> dict[str, float]:
        """Return the most that one process of each role has had, in MiB; only its own pages, as sampled, if asked."""
        found: dict[str, float] = {}
        for (role, _), samples in list(self.samples.items()):
            most = max((seen.own if own else seen.most for seen in samples), default=0.0)
            found[role] = max(found.get(role, 0.0), most)
        return found

    def growth(self, role: str, since: float, until: float) -> float:
        """Return by how much the peak of own pages in the second half of a time was above that in the first.

        Args:
            role: of the processes.
            since, until: seconds since the epoch.

        Returns:
            MiB, of the process that grew most; 0 if nobody lived long enough to say.
        """
        middle = (since + until) / 2
        grown = [0.0]
        for (name, _), samples in list(self.samples.items()):
            if name == role:
                early = [seen.own for seen in samples if since <= seen.at < middle]
                late = [seen.own for seen in samples if middle <= seen.at <= until]
                if min(len(early), len(late)) >= SETTLED:
                    grown.append(max(late) - max(early))
        return max(grown)

    def __str__(self) -> str:
        """One line: the peaks by role, and in brackets what of them was nobody's file."""
        own = self.peaks(own=True)
        return ", ".join(f"{role} {most:.0f} ({own[role]:.0f})" for role, most in self.peaks().items()) + " MiB"


@contextmanager
def watched_memory(interval: float = INTERVAL) -> Iterator[MemoryWatch]:
    """Look as long as the block runs, every ``interval`` seconds."""
    watch = MemoryWatch(interval)
    with beside(watch.watch, watch.stop, "memory"):
        yield watch
