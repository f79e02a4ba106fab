"""The thread behind a writer: does what may wait for the disk, so that no log call does.

It prepares the next segment, makes room for it within the writer's bound, and brings what was written
to the disk every ``SYNC_SECONDS``, which bounds what a power cut can take.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from sitewire.collectors.spool import segment
from sitewire.collectors.spool.cursor import CursorFile
from sitewire.collectors.spool.policy import BLOCK_SECONDS, BURST_SECONDS, LEAST_LIMIT_BYTES, Policy
from sitewire.collectors.spool.segment import Segment

SYNC_SECONDS: Final = 0.5
STOP_SECONDS: Final = 2.0
"""How long the end of a writer waits for a disk that does not answer."""

_RETRY_SECONDS: Final = 0.2
_RETRY_BLOCKED_SECONDS: Final = 0.02  # several looks for room within one blocked log call

_logger = logging.getLogger("sitewire.spool")


class Keeper:
    """Keeps one writer's segments.

    Attributes:
        ready: the next segment, or ``None`` while there is none. The writer takes it and sets ``None``.
        patience: seconds that a log call may wait for ``ready``.
    """

    def __init__(
        self, directory: Path, writer: str, *, mapped: bool, limit: int, policy: Policy, sync: Callable[[], None]
    ) -> None:
        self.ready: Segment | None = None
        self.patience = BURST_SECONDS
        self._directory = directory
        self._writer = writer
        self._mapped = mapped
        self._limit = max(limit, LEAST_LIMIT_BYTES)
        self._policy = policy
        self._sync = sync
        self._number = 0
        self._latest = 0  # the number of the one made last: written to, or ready to be
        self._troubles: set[str] = set()
        # A SimpleQueue: put() may be interrupted by a signal handler that puts, and takes no lock that could deadlock.
        self._retired: queue.SimpleQueue[Segment | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"sitewire spool {writer[:8]}", daemon=True)

    def prepare(self) -> Segment:
        """Make a segment. The writer does so once, for its first one; all others are this thread's.

        Raises:
            OSError: there is no room for it.
        """
        size = segment.size_of(self._number, self._limit)
        try:
            made = segment.prepare(self._directory, self._writer, self._number, size, mapped=self._mapped)
        except FileExistsError:
            self._number += 1  # what an attempt has left that could not even undo itself; nobody reads it
            raise
        self._latest = self._number
        self._number += 1
        return made

    def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: the interpreter is ending and starts no threads.
        """
        self._thread.start()

    def retire(self, old: Segment) -> None:
        """Take over a segment that is full: sync and close it. Wakes the thread to prepare the next one."""
        self._retired.put(old)

    def stop(self, timeout: float = STOP_SECONDS) -> bool:
        """End the thread after a last sync; whether it did so within ``timeout`` seconds."""
        self._retired.put(None)
        if threading.current_thread() is not self._thread:  # a finalizer may run in any thread
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        synced = time.monotonic()
        while True:
            if self.ready is None:
                self._supply()
            try:
                old = self._retired.get(timeout=SYNC_SECONDS if self.ready is not None else self._pause())
                if old is None:
                    break
                self._close(old)
            except queue.Empty:
                pass
            if time.monotonic() - synced >= SYNC_SECONDS:
                self._guarded(self._sync)
                synced = time.monotonic()
        self._guarded(self._sync)
        self._discard_ready()

    def _pause(self) -> float:
        return _RETRY_BLOCKED_SECONDS if self._policy == "block" else _RETRY_SECONDS

    def _supply(self) -> None:
        """Prepare the next segment; where that cannot be, log calls drop at once instead of waiting for it."""
        if self._guarded(self._prepare_next) and self.ready is not None:
            self.patience = BURST_SECONDS
            self._troubles.clear()
        else:
            self.patience = BLOCK_SECONDS if self._policy == "block" else 0.0

    def _prepare_next(self) -> None:
        if self._make_room(segment.size_of(self._number, self._limit)):
            self.ready = self.prepare()

    def _make_room(self, size: int) -> bool:
        """Delete the oldest segments until ``size`` more bytes fit: those acknowledged, others as the policy says."""
        held = segment.numbers(self._directory)
        sizes = {number: self._size(number) for number in held}
        excess = sum(sizes.values()) + size - self._limit
        if excess <= 0:
            return True
        published = CursorFile(self._directory / "cursor").load().published
        for number in held[: bisect_left(held, self._latest)]:  # that one is being written
            if self._policy != "drop_oldest" and not self._acknowledged(number, held, published):
                return False
            with suppress(OSError):  # its reader was faster
                segment.path_of(self._directory, number).unlink()
            excess -= sizes[number]
            if excess <= 0:
                return True
        return False

    def _acknowledged(self, number: int, held: Sequence[int], published: Sequence[int]) -> bool:
        following = held[held.index(number) + 1]
        firsts = segment.read_header(self._directory, following).firsts
        return firsts is not None and all(map(int.__le__, firsts, published))

    def _size(self, number: int) -> int:
        try:
            return segment.path_of(self._directory, number).stat().st_size
        except OSError:  # its reader was faster
            return 0

    def _close(self, old: Segment) -> None:
        self._guarded(old.storage.sync)
        self._guarded(old.storage.close)

    def _discard_ready(self) -> None:
        if self.ready is not None:
            self._guarded(self.ready.storage.close)
            path = segment.path_of(self._directory, self.ready.number)
            self._guarded(partial(path.unlink, missing_ok=True))

    def _guarded(self, action: Callable[[], None]) -> bool:
        """Do it; a disk in trouble is logged once until it recovers, and tried again later."""
        try:
            action()
        except OSError as error:
            reason = error.strerror or str(error)
            if reason not in self._troubles:
                self._troubles.add(reason)
                _logger.warning(
                    "the spool in %s: %s; records may be dropped until it is better", self._directory, reason
                )
            return False
        return True
