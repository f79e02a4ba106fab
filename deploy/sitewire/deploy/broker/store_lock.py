"""The lock on the folder of the streams.

nats-server takes none: two servers on one store destroy it. Ours is an ``flock`` on a file there, and
its descriptor is inherited by the server. So the store stays locked as long as either of us lives:
an orphaned server still holds it, and between a server's death and its restart nobody slips in.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from sitewire.deploy.broker.holders import file_holders
from sitewire.deploy.errors import StoreLocked, StoreUnusable

NAME: Final = "sitewire.lock"


class StoreLock:
    """The lock of one store, held from ``acquire`` to ``release`` and by every process that inherits it."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._descriptor: int | None = None

    @property
    def descriptor(self) -> int:
        """What a server has to inherit."""
        if self._descriptor is None:
            msg = "the store is not locked"
            raise RuntimeError(msg)
        return self._descriptor

    def acquire(self) -> None:
        """Make the folder if need be, and lock it; does not wait.

        Raises:
            StoreLocked: somebody holds it; the message says who and what to do.
            StoreUnusable: the folder cannot be made, written or locked.
        """
        path = self._store / NAME
        try:
            self._store.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            msg = f"the store {self._store} cannot be used: {error.strerror}; name another with `broker.embedded.store`"
            raise StoreUnusable(msg) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise self._refusal(path, error) from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it; a server that still runs keeps it. Can be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _refusal(self, path: Path, error: OSError) -> StoreLocked | StoreUnusable:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            return StoreUnusable(f"the store {self._store} cannot be locked: {error.strerror}; put it on a local disk")
        holders = file_holders(path) or "a process that cannot be seen from here"
        advice = "stop that with SIGTERM, or name another `broker.embedded.store`"
        return StoreLocked(f"the store {self._store} is in use by {holders}; {advice}")
