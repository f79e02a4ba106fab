"""The runs of this process that this syntax has to do with, by their ids.

Each is kept: a program may log to a run by its id long after that has ended, from any thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from sitewire.collectors.errors import SettingsInvalid
from sitewire.collectors.mlflow.exceptions import MlflowException
from sitewire.collectors.mlflow.snapshots import ENDED, RUNNING, RunData, RunInfo
from sitewire.collectors.mlflow.snapshots import Run as Snapshot
from sitewire.collectors.process_runs import next_run
from sitewire.collectors.refusals import Reason
from sitewire.collectors.run import Run

_Refusal: TypeAlias = tuple[Reason, str, str]
"""Reason, message, and what "once" goes by."""

_MAX_WAITING: Final = 1000
"""Refusals kept for a run that is not begun yet."""


@dataclass(slots=True)
class KnownRun:
    """One run, and what is told about it.

    Attributes:
        run: where its records go.
        parent: id of the run that it is nested in, if any.
        tags: those that it was started with.
        status: one of ``snapshots.STATUSES``.
        holders: on how many stacks of active runs it lies; with the last it ends.
        started: milliseconds since the epoch, UTC.
        ended: the same, or ``None``.
    """

    run: Run
    parent: str | None = None
    tags: dict[str, object] = field(default_factory=dict)
    status: str = RUNNING
    holders: int = 0
    started: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    ended: int | None = None

    @property
    def name(self) -> str | None:
        """What people call it, if somebody has said so."""
        return self.run._settings.name  # noqa: SLF001  of the collectors, as this is; a tag may have changed it

    def snapshot(self) -> Snapshot:
        """Return how it is now."""
        run, name = self.run, self.name or self.run.site
        info = RunInfo(run.run, run.experiment, self.status, self.started, self.ended, name)
        return Snapshot(info, RunData(dict(self.tags)))


class KnownRuns:
    """All of a process. Safe from any thread; no log call to an active run comes here."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._runs: dict[str, KnownRun] = {}
        self._latest: Run | None = None
        self._waiting: deque[_Refusal] = deque(maxlen=_MAX_WAITING)

    def begin(self, experiment: str | None, name: str | None, parent: str | None, notes: str | None) -> KnownRun:
        """Begin the next run of this process, held once."""
        with self._lock:
            return self._add(KnownRun(_make(next_run(), experiment, name, parent, notes), parent, holders=1))

    def resume(self, run_id: str, experiment: str | None, name: str | None, notes: str | None) -> KnownRun:
        """Go on with a run of this process, or begin it here, and hold it once more.

        Raises:
            MlflowException: the id is none.
        """
        with self._lock:
            known = self._runs.get(run_id)
            if known is not None and known.holders:
                known.run.set_tags({key: text for key, text in _described(name, notes).items() if text is not None})
                known.holders, known.status, known.ended = known.holders + 1, RUNNING, None
                return known
            if known is not None:  # it stays where it was, whatever experiment is chosen now
                experiment, name = known.run.experiment, name or known.name
            parent = None if known is None else known.parent
            run = _make(next_run(run_id), experiment, name, parent, notes)
            tags = {} if known is None else known.tags
            return self._add(KnownRun(run, parent, tags, holders=1))

    def release(self, known: KnownRun, status: str) -> None:
        """Let go of a run once: with the last holder it ends, unless the status is none of an end."""
        with self._lock:
            known.holders -= 1
            known.status = status
            known.ended = time.time_ns() // 1_000_000
            if known.holders <= 0 and status in ENDED:
                known.run.finish("finished" if status == "FINISHED" else "failed")

    def find(self, run_id: str, experiment: str | None) -> Run:
        """Return the run of this id to log to: one that has ended goes on, one of another process begins here.

        Raises:
            MlflowException: the id is none.
        """
        with self._lock:
            known = self._runs.get(run_id)
            if known is None:
                known = self._add(KnownRun(_make(next_run(run_id), experiment, None, None, None)))
            elif not known.holders:
                known.run.resume()
            return known.run

    def get(self, run_id: str) -> KnownRun | None:
        """Return the run, if it is known here."""
        return self._runs.get(run_id)

    def refuse(self, reason: Reason, message: str, once: str = "") -> None:
        """Count a call that no run can be said to have refused: by the run that was begun last, or by the next one."""
        if self._latest is None:
            self._waiting.append((reason, message, once))
        else:
            self._latest.refuse(reason, message, once=once)

    def leave_to_parent(self) -> None:
        """In a forked child: the parent's stacks are not ours."""
        self._lock = threading.RLock()  # another thread of the parent may have been inside
        for known in self._runs.values():
            known.holders = 0

    def _add(self, known: KnownRun) -> KnownRun:
        self._runs[known.run.run] = known
        self._latest = known.run
        while self._waiting:
            reason, message, once = self._waiting.popleft()
            known.run.refuse(reason, message, once=once)
        return known


known_runs: Final = KnownRuns()
os.register_at_fork(after_in_child=known_runs.leave_to_parent)


def not_collected(what: str, why: str = "") -> None:
    """Count something that the original does and we do not; told once for each ``what``."""
    known_runs.refuse(Reason.NOT_COLLECTED, f"mlflow.{what} is not collected{why}", f"mlflow.{what}")


def _described(name: str | None, notes: str | None) -> dict[str, str | None]:
    return {"mlflow.runName": name, "mlflow.note.content": notes}


def _make(run: str | None, experiment: str | None, name: str | None, parent: str | None, notes: str | None) -> Run:
    try:
        return Run(run, experiment=experiment, name=name, parent=parent, notes=notes)
    except SettingsInvalid as error:
        raise MlflowException(str(error)) from error
