"""Faults that can be switched on, for one run or for all, a few times or until they are cleared."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """Which endpoint."""

    GRAPHQL = "graphql"
    FILE_STREAM = "file_stream"
    UPLOAD = "upload"


@dataclass
class Fault:
    """What happens to the requests that it concerns.

    Attributes:
        where: of these endpoints; none for all.
        run: of this run; none for all.
        status: answered instead of the truth; none to answer as if nothing were wrong, after ``seconds``.
        times: how often; none until it is cleared.
        retry_after: seconds, said in the answer.
        seconds: how long the answer waits.
        hangs: no answer comes while the fault is on; then the connection is closed.
        applied: the request is taken before the status is answered.
        met: how often it has happened.
    """

    where: Where | None = None
    run: str | None = None
    status: int | None = None
    times: int | None = None
    retry_after: float | None = None
    seconds: float = 0.0
    hangs: bool = False
    applied: bool = False
    met: int = 0


class Faults:
    """The faults of a stand-in. Its methods may be called from any thread; the latest fault goes first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._changed = threading.Condition()

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on."""
        with self._changed:
            self._faults.insert(0, fault)
        return fault

    def clear(self) -> None:
        """Switch all off; what hangs is let go."""
        with self._changed:
            self._faults.clear()
            self._changed.notify_all()

    def meet(self, where: Where, run: str | None) -> Fault | None:
        """Return the fault that a request meets, and count it."""
        with self._changed:
            for fault in self._faults:
                if fault.where in (None, where) and fault.run in (None, run):
                    if fault.times is not None and fault.met >= fault.times:
                        continue
                    fault.met += 1
                    return fault
            return None

    def wait(self, fault: Fault) -> None:
        """Wait until a fault is switched off, if it hangs, or for its seconds."""
        with self._changed:
            self._changed.wait_for(lambda: fault not in self._faults, None if fault.hangs else fault.seconds)
