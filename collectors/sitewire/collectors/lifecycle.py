"""What a process does once for all its runs: forks, its publishers, its end.

Nothing here happens on import but two registrations: with ``os.register_at_fork``, and with
``atexit``, early, so that what a program logs in exit handlers of its own still comes in before
ours ends the runs.
"""

from __future__ import annotations

import atexit
import logging
import os
import resource
import sys
import threading
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sitewire.collectors.refusals import report
from sitewire.collectors.settings import Settings
from sitewire.schemas.errors import SubjectError

if TYPE_CHECKING:
    from sitewire.collectors.publisher.thread import Publisher
    from sitewire.collectors.recorder import Recorder, Status
    from sitewire.collectors.spool.directory import WriterDirectory
    from sitewire.collectors.spool.writer import SpoolWriter

CHILD_SECONDS: Final = 1.0
"""At most, that the end of a forked child waits whose parent lives and publishes: that one sends what is left.

Ends add up otherwise: a loader's workers end one step before the trainer does.
"""

READ_AT_EXIT: Final = 100_000
"""Records, about, that are read of what a child has left to say how many wait: a tenth of a second."""

LAST_OF_ALL: Final = -100
"""Priority among multiprocessing's finalizers: behind the trainer's own, which may still log."""


class _Process:
    """What this process has open. A forked child begins with an empty one."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.lock = threading.RLock()
        self.recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
        self.open: set[Recorder] = set()
        self.written: list[tuple[Settings, SpoolWriter]] = []
        self.publishers: dict[tuple[object, ...], Publisher] = {}
        self.told: set[str] = set()
        self.inherited: set[tuple[str, str]] = set()
        self.exiting = False
        self.ending = 0.0  # when its publishers were first told to end
        self.parent = 0  # process id of who it was forked from
        self.parent_publishes: set[tuple[object, ...]] = set()  # for which settings that has a publisher
        self.forked = False  # whether it has forked since it publishes


_process = _Process()


def register(recorder: Recorder) -> None:
    """Know of a run, open or not: a fork and the end of the program concern it."""
    with _process.lock:
        _process.recorders.add(recorder)
    if _process.exiting:
        recorder.finish("finished")


def exiting() -> bool:
    """Whether the end of the program has ended the runs."""
    return _process.exiting


def tell(message: str, level: int = logging.WARNING) -> None:
    """Log a message, once in this process."""
    if message not in _process.told:
        _process.told.add(message)
        report(f"sitewire: {message}", level)


def opened(recorder: Recorder) -> None:
    """Note that a run has a writer now: say its name if it has a fresh one, publish it, end it with the program."""
    writer, settings = recorder.writer, recorder.settings
    if writer is None:
        return  # ended meanwhile
    with _process.lock:
        _process.open.add(recorder)
        _process.written.append((settings, writer))
    _end_with_multiprocessing()
    if settings.fresh and settings.run not in _process.told:
        _process.told.add(settings.run)
        _say(f"run {settings.run} at site {settings.site}; set SITEWIRE_RUN to choose the id that a job's sites share")
    if settings.publishes:
        _publish(recorder, writer)


def ended(recorder: Recorder) -> None:
    """Note that a run has been ended."""
    with _process.lock:
        _process.open.discard(recorder)


def publisher_of(settings: Settings) -> Publisher | None:
    """Return the publisher that serves these settings in this process, if one has been started."""
    return _process.publishers.get(_key(settings))


def forked(settings: Settings) -> bool:
    """Whether this process was forked from one that had the same run open: its end is not the run's."""
    return (settings.site, settings.run) in _process.inherited


def finish_forgotten() -> None:
    """End the runs that nobody can log to any more, as a notebook leaves them whose cell is run again."""
    with _process.lock:
        forgotten = [recorder for recorder in _process.open if recorder.owner() is None]
    for recorder in forgotten:
        recorder.finish("finished")


def at_exit() -> None:
    """End every run, let the publishers finish within the exit timeout, and say what waits in the spool."""
    _process.exiting = True
    status = _status()
    try:
        _finish_all(status)
        _stop_publishers()
    except KeyboardInterrupt:  # somebody does not want to wait; the records are safe in the spool
        _finish_all(status)  # those that it came before
    _say_what_waits()


def _finish_all(status: Status) -> None:
    for recorder in list(_process.recorders):
        recorder.finish(status)


def _stop_publishers() -> None:
    timeout = max((settings.exit_timeout for settings, _ in _process.written), default=0.0)
    began = _process.ending = _process.ending or time.monotonic()  # multiprocessing's finalizers come before atexit
    left = {_key(settings) for settings, writer in _process.written if _left_to_parent(settings, writer)}
    for key, publisher in _process.publishers.items():
        most = min(timeout, CHILD_SECONDS) if key in left else timeout
        publisher.stop(max(began + most - time.monotonic(), 0.0), children=_had_children())


def _left_to_parent(settings: Settings, writer: SpoolWriter) -> bool:
    """Whether the parent sends what a process leaves, and says what it could not send."""
    if _key(settings) in _process.parent_publishes and os.getppid() == _process.parent:
        return True
    # One that was spawned, or is another program, knows of its parent what the run's folder shows.
    return any(_is_published_by_parent(directory, writer) for directory in _others(writer.directory.path.parent))


def _is_published_by_parent(directory: WriterDirectory, writer: SpoolWriter) -> bool:
    with suppress(OSError, SubjectError):  # removed meanwhile, or no writer's
        return directory.publisher() in _parents() and directory.identity.url == writer.directory.identity.url
    return False


def _parents() -> set[int]:
    """Return who has started this process: a server of forks stands between the two."""
    process = sys.modules.get("multiprocessing.process")
    parent = process.parent_process() if process is not None else None
    return {os.getppid()} | ({parent.pid} if parent is not None else set())


def _had_children() -> bool:
    """Whether this process has forked since it publishes, waited for the end of any child, or has a server fork."""
    waited = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0
    return _process.forked or waited or "multiprocessing.popen_forkserver" in sys.modules


def _publish(recorder: Recorder, writer: SpoolWriter) -> None:
    try:
        _start_publisher(recorder.settings).attach(writer, recorder.refusals.counts)
    except Exception as error:  # noqa: BLE001  threads may have run out; training goes on, and the next one sends what is here
        tell(f"publishing failed to start ({type(error).__name__}: {error}); records wait in {recorder.settings.spool}")


def _start_publisher(settings: Settings) -> Publisher:
    # Only who publishes needs nats-py.
    from sitewire.collectors.publisher.thread import Publisher  # noqa: PLC0415

    with _process.lock:
        publisher = _process.publishers.get(_key(settings))
        if publisher is None:
            publisher = Publisher(settings)
            publisher.start()
            _process.publishers[_key(settings)] = publisher
        return publisher


def _key(settings: Settings) -> tuple[object, ...]:
    return settings.url, settings.creds, settings.ca, settings.spool, settings.site


def _status() -> Status:
    """Tell whether an uncaught exception ends this process.

    ``sys.last_value`` is what the interpreter sets before it calls ``sys.excepthook``, whatever hook
    that is; so none is installed. At a prompt it is only the last statement that failed.
    """
    error = sys.exc_info()[1]  # in a multiprocessing child the finalizers run while it is on its way
    if error is None and not hasattr(sys, "ps1"):
        error = getattr(sys, "last_value", None)
    if isinstance(error, SystemExit):
        return "failed" if error.code else "finished"
    return "finished" if error is None else "failed"


def _end_with_multiprocessing() -> None:
    """A forked multiprocessing child ends with ``os._exit``: no ``atexit``, only these finalizers."""
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, at_exit, exitpriority=LAST_OF_ALL)


def _say_what_waits() -> None:
    waiting: dict[Path, int] = {}
    runs: set[tuple[Path, Path]] = set()
    for settings, writer in _process.written:
        if settings.publish == "thread" and not _left_to_parent(settings, writer):
            waiting[settings.spool] = waiting.get(settings.spool, 0) + _unpublished(writer)
            runs.add((settings.spool, writer.directory.path.parent))
    for spool, run in runs if _had_children() else ():
        waiting[spool] += _left_by_children(run)
    for spool, count in waiting.items():
        if count:
            _say(f"{count} records wait in {spool}; they are sent by the next run here, or by: sitewire sync {spool}")


def _unpublished(writer: SpoolWriter) -> int:
    with suppress(OSError):  # its directory does not answer: then nobody can say that it is gone
        if not writer.directory.path.exists():
            return 0  # published, and removed since
    return sum(writer.assigned().values()) - sum(writer.directory.cursor_file.load().published)


def _left_by_children(run: Path) -> int:
    """Return how many records children, or others who are gone, have left in a run's folder."""
    from sitewire.collectors.spool.reader import unacknowledged  # noqa: PLC0415  only who writes has need of it

    left = 0
    for directory in _others(run):
        with suppress(OSError, SubjectError):  # removed meanwhile, or no writer's: the others count all the same
            if not directory.is_alive():
                left += unacknowledged(directory, READ_AT_EXIT)
    return left


def _others(run: Path) -> list[WriterDirectory]:
    """Return the directories of a run's folder that are not this process's."""
    from sitewire.collectors.spool.directory import WriterDirectory  # noqa: PLC0415  only who writes has need of it

    own = {writer.directory.path for _, writer in _process.written}
    paths: set[Path] = set()
    with suppress(OSError):  # all of it has been sent and removed
        paths = set(run.iterdir()) - own
    return list(map(WriterDirectory, paths))


def _say(message: str) -> None:
    try:
        print(f"sitewire: {message}", file=sys.stderr, flush=True)  # noqa: T201  for the person, not for the log
    except (AttributeError, OSError, ValueError):
        return  # no standard error, or a closed one


def _after_fork() -> None:
    global _process  # the child's, in place of the parent's
    inherited, _process = _process, _Process()
    # Not ``os.getppid()``: the parent of a daemon is gone by now, and another one has taken its place.
    _process.parent, _process.parent_publishes = inherited.pid, set(inherited.publishers)
    for publisher in inherited.publishers.values():
        publisher.abandon()
    _process.told = inherited.told
    _process.inherited = inherited.inherited | {(r.settings.site, r.settings.run) for r in list(inherited.open)}
    for recorder in list(inherited.recorders):
        _process.recorders.add(recorder)
        recorder.after_fork()


def _has_forked() -> None:
    _process.forked |= bool(_process.publishers)


os.register_at_fork(after_in_child=_after_fork, after_in_parent=_has_forked)
atexit.register(at_exit)
