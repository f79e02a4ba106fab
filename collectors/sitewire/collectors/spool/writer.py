"""The log call's side of the spool. Everything here may be called from any thread and from signal handlers."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import msgpack

from sitewire.collectors.spool import filesystem
from sitewire.collectors.spool.directory import WriterDirectory, unavailable
from sitewire.collectors.spool.frame import HEAD_BYTES, encode
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.keeper import Keeper
from sitewire.collectors.spool.policy import BURST_SECONDS, DEFAULT_LIMIT_BYTES, Policy
from sitewire.collectors.spool.segment import HEADER_BYTES, Segment
from sitewire.collectors.spool.state import StatePage
from sitewire.schemas import limits
from sitewire.schemas.codec import CLASSES, SCALAR_NUMBER, pack_record
from sitewire.schemas.record import CLASS_OF, Record, RecordClass

_SCALARS: Final = CLASSES.index(RecordClass.SCALARS)
_NUMBER: Final = {record_class: number for number, record_class in enumerate(CLASSES)}
# Instead of a class's number: the wish to finish, which waits its turn like a record; and nothing but what waits.
_FINISH: Final = -1
_NOTHING: Final = -2
_POLL_SECONDS: Final = 0.0005
# What packing says of a value that no record can hold. The caller refuses those before; here one is a drop.
_UNPACKABLE: Final = (ValueError, TypeError, OverflowError, RecursionError)


class SpoolWriter:
    """One writer's end of the spool: appends records, never raises, never waits for more than a stated bound.

    A record is in the kernel's hands when its call returns True: no kill of this process takes it.

    Inside the lock the order of the steps is always: the position, the index, the bytes. Wherever a
    ``KeyboardInterrupt`` strikes, the next call finds a consistent writer; at worst the interrupted call's index
    is a hole. A signal handler or finalizer that logs while its own thread is inside is put off: the
    call that it interrupted stores its record before it leaves.

    Args:
        root: the spool.
        identity: this writer, never used before.
        limit_bytes: bound of the segments on disk, at least 2 MiB.
        policy: what goes when the bound is reached.
        mapped: write through a map; by default where the file system makes that safe.

    Attributes:
        directory: where it writes.

    Raises:
        SpoolUnavailable: no directory, no room or no locks there.
        NameRefused: no path can hold the site's or run's name.
    """

    def __init__(
        self,
        root: Path,
        identity: WriterIdentity,
        *,
        limit_bytes: int = DEFAULT_LIMIT_BYTES,
        policy: Policy = "drop_oldest",
        mapped: bool | None = None,
    ) -> None:
        self.directory = WriterDirectory.create(root, identity)
        self._lock = threading.RLock()
        self._pack = msgpack.Packer().pack
        self._busy = False
        self._closed = self._finished = self._failed = False
        self._starved = False
        # Bounded by what handlers can log while one log call lasts.
        self._deferred: deque[tuple[int, bytes | None]] = deque()
        self._next = [0] * len(CLASSES)
        self._write: Callable[[int, bytes], None]
        self._position = self._capacity = 0
        self._synced = (0, 0)
        try:
            self._open(identity.writer, limit_bytes, policy, mapped)
        except (OSError, RuntimeError) as error:  # RuntimeError: no thread can be started any more
            self.directory.give_up()
            raise unavailable(self.directory.path, error) from error

    def _open(self, writer: str, limit: int, policy: Policy, mapped: bool | None) -> None:  # noqa: FBT001  internal
        path = self.directory.path
        if mapped is None:
            mapped = filesystem.allocates(path)
        with ExitStack() as undo:  # it is tried again each half minute: descriptors must not pile up
            self._state = StatePage(self.directory.state_path, mapped=mapped)
            undo.callback(self._state.close)
            self._keeper = Keeper(path, writer, mapped=mapped, limit=limit, policy=policy, sync=self._sync)
            first = self._keeper.prepare()
            undo.callback(first.storage.close)
            first.begin(self._next)
            self._use(first)
            self._keeper.start()
            undo.pop_all()

    def append_scalar(self, name: str, value: float, time: float, step: int | None) -> bool:
        """Append one scalar; ``append`` for the case that has to be fast.

        Args:
            name: not empty, at most ``limits.MAX_RECORD_NAME_BYTES``.
            value: a float; NaN and infinities too.
            time: seconds since the epoch, UTC.
            step: a signed 64-bit integer or none.

        Returns:
            Whether it is stored. If not, its index is part of a hole.
        """
        try:
            packed = self._pack((SCALAR_NUMBER, name, value, time, step))
        except _UNPACKABLE:
            packed = None
        return self._append(_SCALARS, packed)

    def append(self, record: Record) -> bool:
        """Append one record, at most ``limits.MAX_RECORD_BYTES`` when packed; a larger one is dropped.

        Returns:
            Whether it is stored. If not, its index is part of a hole; after ``finish`` it has none.
        """
        packed: bytes | None
        try:
            packed = pack_record(record)
        except _UNPACKABLE:
            packed = None
        if packed is not None and len(packed) > limits.MAX_RECORD_BYTES:
            packed = None
        return self._append(_NUMBER[CLASS_OF[record.kind]], packed)

    def assigned(self) -> dict[RecordClass, int]:
        """Return the indexes given out, per class that has been logged to."""
        return {record_class: count for record_class, count in zip(CLASSES, self._next, strict=True) if count}

    def finish(self, *, failed: bool = False) -> None:
        """Say that no record will follow, bring everything to the disk, and let go of the directory.

        Waits at most ``keeper.STOP_SECONDS`` for the disk. From a signal handler that interrupted a log
        call of its own thread: done by that call before it leaves.

        Args:
            failed: the run ends here with an error.
        """
        with self._lock:
            self._failed |= failed
            self._deferred.append((_FINISH, None))
            if not self._busy:
                self._append(_NOTHING, None)

    def abandon(self) -> None:
        """In a forked child: let go of the parent's files, which stay as they are, and log nothing any more."""
        self._lock = threading.RLock()  # another thread of the parent may have been inside
        self._closed = self._finished = True
        self._capacity = 0
        self._deferred.clear()
        self._write = _discard
        self._close()

    def _append(self, number: int, packed: bytes | None) -> bool:
        """Store a record, and after it those that were put off meanwhile. Long, because a call costs."""
        with self._lock:
            if self._busy:  # this very thread, further out: a signal handler or a finalizer has interrupted it
                self._deferred.append((number, packed))
                return packed is not None
            result: bool | None = None
            try:
                self._busy = True
                while True:
                    position = self._position
                    if packed is None or (end := position + HEAD_BYTES + len(packed)) > self._capacity:
                        if packed is not None and self._roll():
                            continue
                        stored = self._drop(number)
                        if result is not None:
                            del self._deferred[0]
                    else:
                        index = self._next[number]
                        self._position = end
                        self._next[number] = index + 1
                        if result is not None:
                            del self._deferred[0]
                        try:
                            self._write(position, encode(packed, number, index, self._salts))
                            stored = True
                        except (OSError, MemoryError):  # the disk is full, where it is written and not mapped
                            self._position = position
                            self._next[number] = index
                            stored = self._drop(number)
                    if result is None:
                        result = stored
                    if not self._deferred:
                        return result
                    # It stays there until it has its index: an interrupted call leaves it to the next one.
                    number, packed = self._deferred[0]
            finally:
                self._busy = False

    def _drop(self, number: int) -> bool:
        """Give the index out, but to nothing."""
        if number == _FINISH:
            self._end()
        elif number != _NOTHING and not self._closed:
            self._next[number] += 1
            self._write_both_states()
        return False

    def _end(self) -> None:
        if self._finished:
            return
        self._capacity = 0  # sends every later append to where ``_closed`` is asked
        self._closed = True
        self._write_both_states()
        stopped = self._keeper.stop()
        self.directory.release_alive()
        self._finished = True
        if stopped:
            self._close()

    def _roll(self) -> bool:
        """Move into the next segment; whether there is one."""
        if self._closed:
            return False
        keeper = self._keeper
        if keeper.ready is None:
            self._await_ready()
        following = keeper.ready
        self._starved = following is None
        if following is None:
            return False
        # The present one is closed for good before the next one's header says so: readers leave it when they see that.
        self._capacity = 0
        try:
            following.begin(self._next)
        except OSError:
            return False
        old = self._segment
        keeper.ready = None
        self._use(following)
        keeper.retire(old)
        return True

    def _use(self, segment: Segment) -> None:
        self._segment = segment
        self._write = segment.storage.write
        self._salts = segment.salts
        self._position = HEADER_BYTES
        self._capacity = segment.capacity  # last: until then an append finds no room

    def _await_ready(self) -> None:
        """Wait for the keeper. Polls: a signal handler can find no primitive half taken."""
        if self._starved and self._keeper.patience >= BURST_SECONDS:
            return  # one call has waited for this burst already
        begun = time.monotonic()
        while self._keeper.ready is None and time.monotonic() - begun < self._keeper.patience:
            time.sleep(_POLL_SECONDS)

    def _sync(self) -> None:
        """Bring what was written to the disk, then say how far it goes. The keeper's, every half second.

        Raises:
            OSError: the disk did not take it.
        """
        self._touch()
        segment = self._segment
        mark = (segment.number, self._position)
        if mark != self._synced:
            segment.storage.sync()
            self._synced = mark
            # Never waits: who holds the lock may be waiting for the keeper.
            if self._lock.acquire(blocking=False):
                try:
                    self._write_state()
                finally:
                    self._lock.release()
        if self._closed:
            self._state.sync()

    def _touch(self) -> None:
        """Show when this process was last alive. A store into a map shows that only where its page was clean.

        Raises:
            OSError: the directory is gone, and what is logged goes nowhere.
        """
        try:
            os.utime(self.directory.state_path)
        except (FileNotFoundError, NotADirectoryError):
            raise
        except OSError:
            return  # no room for metadata, or no right to it: the segments' times are still there

    def _write_both_states(self) -> None:
        """Write what no frame says: one flipped byte must not take it away."""
        for _ in range(2):
            self._write_state()

    def _write_state(self) -> None:
        if self._finished:
            return
        with suppress(OSError):  # the page has its blocks; a broken disk is the keeper's to report
            self._state.write(self._next, ended=self._closed, failed=self._failed)

    def _close(self) -> None:
        for close in (self._segment.storage.close, self._state.close):
            with suppress(OSError):
                close()


def _discard(_position: int, _data: bytes) -> None:
    """Where a log call that a fork interrupted writes to in the child."""
