"""A broker that loses what it had acknowledged: its store is wiped, or restored from an older copy."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from support.matrix.broker import Embedded
from support.matrix.processes import Happening
from support.matrix.stand import Stand
from support.product import until

MOST_OLDER = 5.0  # seconds between the copy and the restoring of it


def _wipe(stand: Stand) -> None:
    _ended(stand, shutil.rmtree)


def _restore_stopped(stand: Stand) -> None:
    copy = _copy_of(stand)
    _ended(stand, lambda store: shutil.copytree(store, copy))
    _go_on_and_restore(stand, copy)


def _restore_live(stand: Stand) -> None:
    copy = _copy_of(stand)
    while not copy.exists():
        try:
            shutil.copytree(stand.broker.store, copy)
        except shutil.Error:  # a file has gone meanwhile, as when anybody copies what lives
            shutil.rmtree(copy)
    _go_on_and_restore(stand, copy)


def _go_on_and_restore(stand: Stand, copy: Path) -> None:
    time.sleep(stand.rng.uniform(0.5, MOST_OLDER))  # no condition: the copy is to be of any age

    def restore(store: Path) -> None:
        shutil.rmtree(store)
        copy.rename(store)

    _ended(stand, restore)


def _copy_of(stand: Stand) -> Path:
    return stand.broker.store.with_name("copy")


def _ended(stand: Stand, change: Callable[[Path], object]) -> None:
    """End the broker, in order or not, change its store, and start it again."""
    broker = stand.broker
    assert isinstance(broker, Embedded)
    servers = broker.process.children()
    if stand.rng.random() < 0.5:
        broker.kill()
    else:
        broker.stop()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in servers), stand.site.logs)
    change(broker.store)
    broker.start()


WIPED = Happening("the broker's store is wiped", _wipe)
RESTORED = Happening("the store is restored from a copy of a broker that was stopped", _restore_stopped)
RESTORED_LIVE = Happening("the store is restored from a copy of a broker that was running", _restore_live)
