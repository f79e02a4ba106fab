"""The implicit step: which step of W&B's a call of ``log`` belongs to."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from sitewire.schemas import limits


class Steps:
    """Counts as W&B's client does, measured against it: see the rule at ``take``.

    Safe from any thread. A signal handler that logs inside a log call gets a step too, which another row may share.
    """

    def __init__(self) -> None:
        self._next = 0
        self._lock = threading.RLock()
        _all.add(self)

    @property
    def next(self) -> int:
        """The step of the next call without one."""
        return self._next

    def take(self, step: int | None, commit: bool | None) -> int:  # noqa: FBT001  the original's three states
        """Return the step of this call.

        A call without a step is at the current one and, unless ``commit`` is false, makes it rise by one.
        A call with a step sets the current one, and makes it rise if ``commit`` is true. A step below the
        current one changes nothing: the original drops such a row, here it is kept as it was logged.

        Args:
            step: signed 64 bit, or none.
            commit: whether the row is complete; none is true without a step and false with one.
        """
        rises = step is None if commit is None else commit
        with self._lock:
            at = self._next if step is None else step
            if at >= self._next:
                self._next = min(at + rises, limits.MAX_STEP)
            return at

    def __getstate__(self) -> int:
        return self._next

    def __setstate__(self, following: int) -> None:
        self.__init__()  # type: ignore[misc]  # a copy in another process: as a new one, but for where it stands
        self._next = following

    def after_fork(self) -> None:
        """In a forked child: whoever holds the lock is not here."""
        self._lock = threading.RLock()


_all: Final[weakref.WeakSet[Steps]] = weakref.WeakSet()


def _after_fork() -> None:
    for steps in list(_all):
        steps.after_fork()


os.register_at_fork(after_in_child=_after_fork)
