"""What can happen to workers at a named point, played in a scene under load."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from signal import SIGKILL, SIGSTOP
from typing import Final

from sitewire.workers.point import Point
from support.checker.load import Finding, Load, load
from support.checker.scene import LEASE, Scene
from support.checker.trap import Place
from support.checker.way import BORN, ENTERING, LEAVING
from support.product import PATIENCE, Process, until

MOST_TIMES: Final = 20  # passes of a point before it catches, so that not each case is about the first batch
BEGUN: Final = 30  # points of each run that are visible when it happens

_numbers = count(1)


@dataclass(frozen=True)
class Case:
    """A worker is killed or stopped at a point.

    Attributes:
        point: where.
        number: SIGKILL, or SIGSTOP until its lease is past, and then SIGCONT.
        workers: how many there are. Of one, what is killed is started again; of several, the others take over.
        takeover: it happens to the worker that has just taken over from one that was killed.
        served: what looks on is TensorBoard's data server, not its Python reader.
        followed: it stays stopped until somebody has caught up with its work, which only a missing lock lets happen.
    """

    point: Place
    number: signal.Signals = SIGKILL
    workers: int = 2
    takeover: bool = False
    served: bool = False
    followed: bool = False

    def __str__(self) -> str:
        what = "killed" if self.number is SIGKILL else "stopped"
        whom = "the successor of a killed worker" if self.takeover else "a worker"
        return f"{whom} of {self.workers} {what} at {self.point}"


def play(scene: Scene, case: Case, patience: float = PATIENCE) -> Finding:
    """Have it happen once under a load of its own, and say what became of the load."""
    name = f"case-{next(_numbers)}"
    if case.point in BORN:
        _wait_for_births(scene, case)
    with load(scene.site, scene.trackers, name, served=case.served, patience=patience) as running:
        if case.takeover:
            _after_a_first_death(scene, case, running)
        elif case.point not in BORN:
            _provoke(scene, case, running)
        see_through(scene, case, running)
        running.wait_until_caught_up()
    return running.finding


def see_through(scene: Scene, case: Case, running: Load) -> None:
    """Wait for the catch; let a stopped one go on when its lease is past; of nobody left, start another."""
    caught = scene.wait_for_catch()
    if case.number is SIGSTOP:
        _wait_until_taken_for_dead(scene, caught)
        if case.followed:
            running.wait_until_caught_up()
        caught.send(signal.SIGCONT)
        if case.point in LEAVING:
            assert caught.wait() == 0, caught.output
    scene.keep(max(1, sum(worker.running for worker in scene.workers)))


def _provoke(scene: Scene, case: Case, running: Load) -> None:
    """Set the trap, and do what makes a worker come by."""
    joins = case.point in ENTERING and case.workers > 1
    scene.keep(case.workers - joins)
    running.wait_until_visible(BEGUN)
    if case.point in ENTERING:
        if not joins:
            scene.keep(0)
        _set(scene, case)
        scene.keep(case.workers)
    else:
        _set(scene, case, times=1 if case.point in LEAVING else random.randint(1, MOST_TIMES))
    if case.point in LEAVING:
        scene.workers[0].send(signal.SIGTERM)


def _wait_for_births(scene: Scene, case: Case) -> None:
    """Set the trap before there is anything of the load: its runs are made once. Of two deaths it is the first."""
    scene.keep(case.workers)
    scene.trap.set(
        case.point,
        SIGKILL if case.takeover else case.number,
        random.randint(1, min(tracker.runs for tracker in scene.trackers)),
    )


def _after_a_first_death(scene: Scene, case: Case, running: Load) -> None:
    if case.point not in BORN:
        scene.keep(case.workers)
        running.wait_until_visible(BEGUN)
        scene.trap.set(Point.BATCH_WRITTEN, SIGKILL, random.randint(1, MOST_TIMES))
    scene.wait_for_catch()
    _set(scene, case)
    if case.workers == 1:
        scene.keep(1)


def _set(scene: Scene, case: Case, times: int = 1) -> None:
    scene.trap.set(case.point, case.number, times)


def _wait_until_taken_for_dead(scene: Scene, caught: Process) -> None:
    if sum(not worker.halted for worker in scene.workers):
        until(lambda: caught.pid not in scene.members(), scene.site.logs)
    else:
        time.sleep(LEASE * 1.3)  # nobody is there to say so


def every(way: Sequence[Place], takeovers: Sequence[Place], stopped: Sequence[int] = (1, 2, 4)) -> Iterator[Case]:
    """Yield every point of a way, killed, of one worker, two and four, and stopped; then of who takes over."""
    for point in way:
        for number, workers in ((SIGKILL, (1, 2, 4)), (SIGSTOP, stopped)):
            for many in workers:
                yield Case(point, number, many)
    for point in takeovers:
        for number in (SIGKILL, SIGSTOP):
            for many in (1, 2):
                yield Case(point, number, many, takeover=True)
