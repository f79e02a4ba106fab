"""Scenarios that are not about one point, each of which needs another guard; a worker comes when all has happened."""

from __future__ import annotations

import shutil
from itertools import count
from signal import SIGKILL
from typing import Final

from sitewire.collectors.spool.policy import LEAST_LIMIT_BYTES
from sitewire.workers.point import Point
from support.checker.load import Finding, load
from support.checker.scene import Scene
from support.product import PATIENCE

LOGGED: Final = 60_000  # points of a run, of which the smallest spool holds about 40,000
SMALL_SPOOL: Final = {"SITEWIRE_SPOOL_BYTES": str(LEAST_LIMIT_BYTES)}

_numbers = count(1)


def last_batch(scene: Scene, patience: float = PATIENCE) -> Finding:
    """A worker is killed before it writes the last batch of a run: nothing behind it will show a gap."""
    scene.keep(0)
    with load(scene.site, scene.trackers, _name("last"), count=50, rate=0, patience=patience) as running:
        running.wait_until_trained()
        scene.trap.set(Point.BATCH_PLANNED, SIGKILL)
        scene.keep(1)
        scene.wait_for_catch()
        scene.keep(1)
    return running.finding


def overflow(scene: Scene, patience: float = PATIENCE) -> Finding:
    """A spool has let go of its oldest records while the broker was away: their indexes are a named hole."""
    scene.keep(1)
    scene.broker.stop()
    site, name = scene.site, _name("overflow")
    with load(
        site, scene.trackers, name, rate=0, runs=1, count=LOGGED, patience=patience, variables=SMALL_SPOOL
    ) as running:
        running.wait_until_trained()
        scene.start_broker()
        synced = site.run("sync", "spool", "--url", site.url)
        assert synced.returncode == 0, synced.stderr
    return running.finding


def refill(scene: Scene, patience: float = PATIENCE) -> Finding:
    """A broker has lost its store before any worker came: what it stores first now is not what was logged first."""
    scene.keep(0)
    with load(scene.site, scene.trackers, _name("refill"), rate=800, patience=patience) as running:
        running.wait_until_logged(100)
        scene.broker.stop()
        shutil.rmtree(scene.site.folder / "store")
        running.wait_until_logged(100)
        scene.start_broker()
        running.wait_until_logged(100)
        scene.keep(1)
        running.wait_until_caught_up()
    return running.finding


def _name(what: str) -> str:
    return f"{what}-{next(_numbers)}"
