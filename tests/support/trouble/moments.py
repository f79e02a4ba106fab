"""What becomes of an announced call: one is counted, the process dies at it, or it fails."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from support.trouble.calls import LOOKING

SILENT: Final = frozenset({"store", "close"})
"""Cannot fail with nothing done: a store has no result, and a descriptor is closed whatever ``close`` says."""


class Death:
    """Kills this process at the ``nth`` moment: before a call, in the middle of it if it writes, or behind it.

    Calls that only look are passed over: a death there leaves what it leaves behind the call before.

    Attributes:
        seen: how many moments there have been.
    """

    def __init__(self, nth: int) -> None:
        self.seen = 0
        self._nth = nth
        self._lock = threading.RLock()

    def __call__(self, name: str, do: Callable[[], Any], half: Callable[[], Any] | None) -> Any:
        """See ``calls.Announce``."""
        if name in LOOKING:
            return do()
        self._pass()
        if half is not None and self._due():
            half()
        if half is not None:
            self._pass()
        result = do()
        self._pass()
        return result

    def _due(self) -> bool:
        return self.seen == self._nth

    def _pass(self) -> None:
        with self._lock:
            if self._due():
                os.kill(os.getpid(), signal.SIGKILL)
            self.seen += 1


@dataclass(frozen=True)
class Trouble:
    """How calls fail.

    Attributes:
        number: the error's.
        lasting: all later calls fail too, for as long as the trouble lasts; otherwise this one alone.
        partly: what writes has done half of it when it fails.
    """

    number: int
    lasting: bool = False
    partly: bool = False

    @property
    def label(self) -> str:
        words = [errno.errorcode[self.number], "from then on" if self.lasting else "once"]
        return " ".join([*words, *(["half done"] if self.partly else [])])


class Failure:
    """Lets the ``nth`` call fail.

    Attributes:
        seen: how many calls there have been.
        over: set: nothing fails any more.
        failed: the names of the calls that have failed.
    """

    def __init__(self, nth: int, trouble: Trouble) -> None:
        self.seen = 0
        self.over = False
        self.failed: list[str] = []
        self._nth = nth
        self._trouble = trouble

    def __call__(self, name: str, do: Callable[[], Any], half: Callable[[], Any] | None) -> Any:
        """See ``calls.Announce``."""
        number, self.seen = self.seen, self.seen + 1
        due = number == self._nth or (self._trouble.lasting and number > self._nth >= 0)
        if self.over or not due or name == "store":
            return do()
        self.failed.append(name)
        if name in SILENT:
            do()
        elif half is not None and self._trouble.partly:
            half()
        raise OSError(self._trouble.number, os.strerror(self._trouble.number))
