"""One run in one process: a spool writer, opened by the first record, replaced after a fork, ended once.

``append_scalar`` and ``append`` are attributes that point at what is to be done now: open first,
the writer itself, or refuse. So an open run pays nothing for these states, and a fork or an end
takes effect by setting two attributes.
"""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Final, Literal, TypeAlias

from sitewire.collectors import lifecycle
from sitewire.collectors.errors import SpoolError
from sitewire.collectors.refusals import Reason, Refusals
from sitewire.collectors.settings import Settings
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.refused import save_refused
from sitewire.collectors.spool.succession import successor
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import new_writer

Status: TypeAlias = Literal["finished", "failed"]
AppendScalar: TypeAlias = Callable[[str, float, float, int | None], object]


def _version() -> str:
    try:
        return version("sitewire")
    except PackageNotFoundError:  # run from a source tree or a bundle
        return "unknown"


_VERSION: Final = _version()
"""Asked for here: it imports modules, and a child forked in the middle of that would wait for ever for their locks."""

_SAID: Final = ("name", "parent", "group", "job", "job_type", "notes")
"""Settings that say more of a run, if anybody has said them."""

RETRY_INTERVAL: Final = 30.0
"""Seconds until a spool that could not be used is tried again: a log call must not pay for that each time."""


class Recorder:
    """Where the log calls of one run go.

    Args:
        settings: the run's.
        owner: whose log calls come here; once it is gone, the run can be ended.

    Attributes:
        settings: the run's.
        owner: a weak reference.
        refusals: what log calls refused since its present writer began.
        append_scalar: takes name, value, time and step, all of them checked.
        append: takes a checked record.
        finished: whether the run has been ended here.
    """

    append_scalar: AppendScalar
    append: Callable[[Record], object]

    def __init__(self, settings: Settings, owner: object) -> None:
        self.settings = settings
        self.owner = weakref.ref(owner)
        self.refusals = Refusals()
        self._reset()
        lifecycle.register(self)

    def _reset(self) -> None:
        self.finished = False
        self._lock = threading.RLock()
        self._writer: SpoolWriter | None = None
        self._opening = False
        self._deferred: deque[Record] = deque()
        self._retry_at = 0.0
        self._unusable = ""
        self._unended: tuple[SpoolWriter, Status] | None = None
        self.append_scalar, self.append = self._first_scalar, self._first

    @property
    def writer(self) -> SpoolWriter | None:
        """The spool's writer, if a record has been logged."""
        return self._writer

    def finish(self, status: Status) -> None:
        """End the run in this process; later calls do nothing, later records are refused."""
        with self._lock:
            if self._opening:
                return  # a signal handler has interrupted it; the exit of the program ends the run
            if self.finished:
                self._finish_unended()
                return
            self.finished = True
            self.append_scalar, self.append = self._late_scalar, self._late
            if self._writer is not None:
                self._end(self._writer, status)
        lifecycle.ended(self)

    def resume(self) -> None:
        """Go on after an end, with a new writer, as a ``SummaryWriter`` does that is used after its ``close``."""
        with self._lock:
            if self.finished and not lifecycle.exiting():
                self._finish_unended()
                self.refusals = self.refusals.successor()
                self._reset()

    def after_fork(self) -> None:
        """In a forked child: leave the parent's writer and lock alone, and begin a writer of one's own."""
        inherited, finished = self._writer, self.finished
        self._reset()
        self.refusals = self.refusals.successor()
        if inherited is not None:
            inherited.abandon()
        if finished:
            self.finish("finished")

    def _end(self, writer: SpoolWriter, status: Status) -> None:
        save_refused(writer.directory.path, self.refusals.counts())
        before = writer.assigned().get(RecordClass.RUN)
        writer.append(Record(Kind.RUN_END, "run_end", status, time.time()))
        if writer.assigned().get(RecordClass.RUN) == before:
            # Put off: we are in a signal handler inside a log call. If the handler raises (``sys.exit``), what is put
            # off is stored by the next call into the writer: that of the program's exit.
            self._unended = writer, status
        else:
            writer.finish(failed=status == "failed")

    def _finish_unended(self) -> None:
        unended, self._unended = self._unended, None
        if unended is not None:
            writer, status = unended
            writer.finish(failed=status == "failed")

    def _first_scalar(self, name: str, value: float, at: float, step: int | None) -> None:
        self._first(Record(Kind.SCALAR, name, value, at, step))

    def _first(self, record: Record) -> None:
        with self._lock:
            if self._opening:
                # This very thread is opening: a signal handler or a finalizer has interrupted it.
                self._deferred.append(record)
                return
            opened = self._writer is None and not self.finished and self._open()
            writer = self._writer
            if writer is not None and not self.finished:
                self.append_scalar, self.append = writer.append_scalar, writer.append
        if opened:
            lifecycle.opened(self)
        if self.finished:
            self._late(record)
        elif writer is None:
            self.refusals.count(Reason.SPOOL, self._unusable)
        else:
            writer.append(record)

    def _open(self) -> bool:
        if time.monotonic() < self._retry_at:
            return False
        self._opening = True
        try:
            writer = self._new_writer()
        except Exception as error:  # noqa: BLE001  whatever fails here would fail again in each log call
            known = isinstance(error, SpoolError)
            reason = str(error) if known else f"a fault of sitewire: {type(error).__name__}: {error}"
            self._unusable = f"{reason}; training goes on, nothing is collected until this is mended"
            self._retry_at = time.monotonic() + RETRY_INTERVAL
            return False
        else:
            self._writer = writer
            return True
        finally:
            self._opening = False
            self._append_deferred()

    def _append_deferred(self) -> None:
        while self._deferred:
            record = self._deferred.popleft()
            if self._writer is None:
                self.refusals.count(Reason.SPOOL, self._unusable)
            else:
                self._writer.append(record)

    def _new_writer(self) -> SpoolWriter:
        settings, started = self.settings, time.time()
        start = Record(Kind.RUN_START, "run_start", _origin(settings, started), started)
        identity = WriterIdentity(
            site=settings.site,
            run=settings.run,
            writer=new_writer(),
            experiment=settings.experiment,
            url=settings.published_to,
            started=started,
            forked=lifecycle.forked(settings),
        )
        identity = successor(settings.spool, identity)
        writer = SpoolWriter(settings.spool, identity, limit_bytes=settings.spool_bytes, policy=settings.spool_policy)
        writer.append(start)
        return writer

    def _late_scalar(self, name: str, value: float, at: float, step: int | None) -> None:
        self._late(Record(Kind.SCALAR, name, value, at, step))

    def _late(self, record: Record) -> None:
        self.refusals.count(Reason.FINISHED, f"{record.name!r:.80} was logged after the run had been finished")


def _origin(settings: Settings, started: float) -> Mapping[str, object]:
    """Return what is known of the run when its writer begins: the value of ``run_start``."""
    said = {name: getattr(settings, name) for name in _SAID}
    return {name: value for name, value in said.items() if value is not None} | {
        "experiment": settings.experiment,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "python": platform.python_version(),
        "sitewire": _VERSION,
        "started": started,
    }
