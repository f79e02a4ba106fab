"""What happens while the client of a dead worker still writes: W&B's core outlives its worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

from support.checker.case import BEGUN, Case, see_through
from support.checker.load import Finding, load
from support.checker.scene import Scene
from support.product import PATIENCE, Process, until

CORE: Final = "wandb-core"

_numbers = count(1)


def draining(scene: Scene, case: Case, patience: float = PATIENCE) -> Finding:
    """A worker is killed whose core stands still and has rows to write; its successor dies or stops waiting for it.

    Then the core goes on, so that rows come into the files which their next owner has to find there.
    """
    with load(scene.site, scene.trackers, f"draining-{next(_numbers)}", patience=patience) as running:
        scene.keep(case.workers)
        running.wait_until_visible(BEGUN)
        victim = next(worker for worker in scene.workers if [*cores(worker)])
        stopped = [*cores(victim)]
        scene.trap.set(case.point, case.number)
        for core in stopped:
            os.kill(core, signal.SIGSTOP)
        running.wait_until_logged(BEGUN)
        victim.kill()
        scene.keep(case.workers)
        until(lambda: scene.trap.caught, scene.site.logs)
        for core in stopped:
            os.kill(core, signal.SIGCONT)
        see_through(scene, case, running)
        running.wait_until_caught_up()
    return running.finding


def cores(worker: Process) -> Iterator[int]:
    """Yield the process ids of W&B's cores below a worker."""
    waiting = worker.children()
    while waiting:
        pid = waiting.pop()
        try:
            if Path(f"/proc/{pid}/comm").read_text().strip() == CORE:
                yield pid
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except FileNotFoundError:
            continue  # it has ended meanwhile
