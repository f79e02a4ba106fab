"""Which run of this process a syntax's next run is.

The first one is the process's run: ``SITEWIRE_RUN``, or the id that was made up for the process.
The next ones are ``<that>-2``, ``-3``, ...: a function of the order alone, so that the sites of a
job, which run the same program, have the same ids. A run with an id of its own has that id, is
not counted, and its id is given to no other.

All syntaxes of a process count together. A forked child counts anew, as a spawned one does: its
first run is the process's run, written through a writer of its own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from itertools import count
from typing import Final

from sitewire.collectors.settings import resolve
from sitewire.schemas import limits
from sitewire.schemas.errors import NameRefused
from sitewire.schemas.subject import escape


class ProcessRuns:
    """The ids that runs of this process have. Safe from any thread without a lock: each step is one call into C."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Count anew."""
        self._numbers: dict[str, Iterator[int]] = {}
        self._taken: set[str] = set()

    def next_run(self, run: str | None = None) -> str | None:
        """Return the argument ``run`` with which the next ``Run`` is to be made.

        Args:
            run: the id that the trainer chose, if it did.

        Returns:
            That id; ``None`` for the process's run, which ``Run`` finds by itself (and also when the
            environment leaves no way to collect: then each run has to find that out); or a further one.
        """
        if run is not None:
            self._taken.add(run)
            return run
        settings = resolve()
        if settings.off is not None:
            return None
        # Kept by the process's run: a notebook may set another SITEWIRE_RUN between two runs.
        numbers = self._numbers.setdefault(settings.run, count(1))
        return self._next(settings.run, numbers)

    def _next(self, first: str, numbers: Iterator[int]) -> str | None:
        for number in numbers:
            candidate = numbered(first, number)
            if candidate not in self._taken:
                self._taken.add(candidate)
                return None if number == 1 else candidate
        raise AssertionError  # it counts without end


def numbered(run: str, number: int) -> str:
    """Return the id of the n-th run of a process whose first is ``run``.

    Where an id would get too long, ``run`` is cut and a digest of all of it stands for the rest:
    the same at every site.

    Args:
        run: a valid id.
        number: from 1; the first one is ``run``.
    """
    if number == 1:
        return run
    suffix = f"-{number}"
    if _fits(run + suffix):
        return run + suffix
    suffix = f"-{hashlib.sha256(run.encode()).hexdigest()[:8]}{suffix}"
    kept = run[: limits.MAX_NAME_CHARACTERS - len(suffix)]
    while not _fits(kept + suffix):
        kept = kept[:-1]
    return kept + suffix


def next_run(run: str | None = None) -> str | None:
    """Return which run of this process the next one is; see ``ProcessRuns.next_run``."""
    return _runs.next_run(run)


def _fits(run: str) -> bool:
    try:
        escape(run)
    except NameRefused:
        return False
    return True


_runs: Final = ProcessRuns()
os.register_at_fork(after_in_child=_runs.forget)
