"""One writer's directory: ``<root>/<site token>/<run token>/<writer>/``.

``writer.json`` (who it is; written once the alive lock is held), ``alive.lock`` (held while the process lives and
has not finished), ``draining.lock`` (held by whoever publishes it), ``state``, ``cursor`` and the segments.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from sitewire.collectors.errors import SpoolBusy, SpoolKept, SpoolUnavailable
from sitewire.collectors.spool import lock, segment
from sitewire.collectors.spool.cursor import CursorFile
from sitewire.collectors.spool.identity import WriterIdentity, identity_of, load_identity, save_identity
from sitewire.collectors.spool.state import State, read_state
from sitewire.schemas.errors import SubjectError

HORIZON_SECONDS: Final = 600.0
"""How long acknowledged segments are kept: a broker that syncs lazily loses less than this in a power cut."""

_REMOVED: Final = ".removed-"
_ATTEMPTS: Final = 100  # each loses only to a removal of an empty directory within microseconds


class WriterDirectory:
    """What any process may know of a writer.

    Attributes:
        path: the directory.
        state_path: the writer's page.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_path = path / "state"
        self._alive = path / "alive.lock"
        self._draining = path / "draining.lock"
        self._identity: WriterIdentity | None = None

    def __repr__(self) -> str:
        return f"WriterDirectory({str(self.path)!r})"

    # Not ``cached_property``: on Python 3.11 that has a lock for all: who is forked while a thread holds it hangs.
    @property
    def identity(self) -> WriterIdentity:
        """Who writes or wrote it.

        Raises:
            OSError: ``writer.json`` cannot be read.
            SubjectError: it is damaged or gone, and the path is not a spool's.
        """
        if self._identity is None:
            self._identity = load_identity(self.path / "writer.json")
        return self._identity

    @property
    def cursor_file(self) -> CursorFile:
        """Where its publisher keeps how far it is."""
        return CursorFile(self.path / "cursor")

    def state(self) -> State:
        """Return what the writer's page says now.

        Raises:
            OSError: the disk gives an error.
        """
        return read_state(self.state_path)

    @property
    def ended(self) -> bool:
        """Whether the writer has finished in order: no record will follow.

        Raises:
            OSError: the disk gives an error.
        """
        return self.state().ended

    def is_alive(self) -> bool:
        """Whether the writer's process lives and has not finished.

        Raises:
            OSError: the file system has no locks.
        """
        return lock.is_held(self._alive)

    def publisher(self) -> int | None:
        """Return the process id of another process that publishes it; None where none does, or the system does not say.

        Raises:
            OSError: the file system has no locks.
        """
        return lock.holder(self._draining)

    def last_written(self) -> float:
        """Return when the writer's files were last written to, seconds since the epoch; 0.0 where there are none.

        A living writer touches its page twice a second, so a dead one died at most that much later, and never before.
        """
        files = [self.state_path, *(segment.path_of(self.path, number) for number in segment.numbers(self.path))]
        return min(max(map(_modified, files)), time.time())

    @property
    def drained(self) -> bool:
        """Whether some publisher has had everything of it acknowledged, its writer being dead."""
        return self.cursor_file.load().drained.wall > 0

    @property
    def expired(self) -> bool:
        """Whether nothing here is of use any more: dead, all acknowledged, and that long enough ago."""
        return self.cursor_file.load().drained.is_past(HORIZON_SECONDS) and not self.is_alive()

    @contextmanager
    def lock_draining(self) -> Iterator[None]:
        """Be the only one that publishes this writer's records.

        Raises:
            SpoolBusy: somebody else is, or the directory is gone.
        """
        try:
            taken = lock.take(self._draining)
        except FileNotFoundError as error:
            msg = f"{self.path} has been removed"
            raise SpoolBusy(msg) from error
        if not taken:
            msg = f"{self.path} is being drained by another publisher"
            raise SpoolBusy(msg)
        try:
            yield
        finally:
            lock.release(self._draining)

    def remove(self) -> None:
        """Delete the directory, and the ones above if they are empty. The caller holds the draining lock.

        Raises:
            SpoolKept: it has not expired.
            OSError: it cannot be deleted.
        """
        if not self.expired:
            msg = f"{self.path} is not to be removed yet"
            raise SpoolKept(msg)
        run = self.path.parent
        removed = run / f"{_REMOVED}{secrets.token_hex(8)}"
        # In one step out of everybody's sight: half a directory would be published again.
        self.path.rename(removed)
        lock.release(removed / self._draining.name)
        for leftover in run.glob(f"{_REMOVED}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with suppress(OSError):  # not empty: other writers are in it
            run.rmdir()
            run.parent.rmdir()

    def release_alive(self) -> None:
        """Let go of the writer's lock."""
        lock.release(self._alive)

    @classmethod
    def create(cls, root: Path, identity: WriterIdentity) -> WriterDirectory:
        """Make a new writer's directory and hold its alive lock.

        Raises:
            SpoolUnavailable: it cannot be made.
            NameRefused: no path can hold the site's or run's name.
        """
        directory = cls(identity.place(root))
        try:
            _make(directory.path)
        except OSError as error:
            raise unavailable(directory.path, error) from error
        try:
            lock.take(directory._alive)
            save_identity(directory.path / "writer.json", identity)
            directory.cursor_file.create()
        except OSError as error:
            directory.give_up()
            raise unavailable(directory.path, error) from error
        return directory

    def give_up(self) -> None:
        """Undo ``create``: the writer could not begin, and nothing has been logged."""
        self.release_alive()
        shutil.rmtree(self.path, ignore_errors=True)


def unavailable(path: Path, error: Exception) -> SpoolUnavailable:
    """Return what to tell people when a writer cannot begin."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SpoolUnavailable(f"the spool cannot be used: {path}: {reason}; set SITEWIRE_SPOOL to a directory with room")


def discover(root: Path, unreadable: Callable[[OSError], object] = lambda _: None) -> list[WriterDirectory]:
    """Return the writers of a spool, in the order of their paths. What is not a writer's is passed over.

    Args:
        root: the spool.
        unreadable: told why a folder cannot be looked into: what is in it is not found, and not gone.
    """
    return [
        WriterDirectory(writer)
        for site in _folders(root, unreadable)
        for run in _folders(site, unreadable)
        for writer in _folders(run, unreadable)
        if _is_writer(writer)
    ]


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone, or not for us to look at
        return 0.0


def _folders(path: Path, unreadable: Callable[[OSError], object]) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:  # not for us to read, or the disk gives an error
        unreadable(error)
        return []


def _is_writer(path: Path) -> bool:
    try:
        identity_of(path)
    except SubjectError:
        return False
    try:
        # With segments it is one even so: a power cut can take a file that was never synced.
        return (path / "writer.json").exists() or bool(segment.numbers(path))
    except OSError:
        return True  # somebody else's, or the disk gives an error: to be said, not to be passed over


def _make(path: Path) -> None:
    """Make the directory, though somebody may be removing the empty ones above it.

    Raises:
        OSError: it cannot be made; ``FileExistsError`` too: a writer's directory is its own.
    """
    for _ in range(_ATTEMPTS):
        with suppress(FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
            return
    path.mkdir()
