"""Processes that are more or fewer than before, told to end one after another, or short of memory."""

from __future__ import annotations

import resource
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from support.matrix.processes import Happening, halt
from support.matrix.row import FULL
from support.matrix.stand import Stand
from support.product import Process, until

HANGS = 60.0 if FULL else 9.0  # seconds: longer than a lease (6) and, in full, than any deadline of the client
PHASE = 8.0 if FULL else 2.0
MOST_STARVED = 6.0


def _keep(stand: Stand, count: int) -> None:
    """Have so many workers; who is too many is told to end."""
    while len(stand.workers) < count:
        stand.start_worker()
    while len(stand.workers) > count:
        _end(stand.workers.pop(stand.rng.randrange(len(stand.workers))))


def _phases(*counts: int) -> Happening:
    def scale(stand: Stand) -> None:
        for count in counts:
            _keep(stand, count)
            time.sleep(stand.rng.uniform(0, PHASE))  # no condition: a worker may have taken up its share or not

    return Happening(f"{', '.join(map(str, counts))} workers", scale)


def _roll_workers(stand: Stand) -> None:
    for worker in [*stand.workers]:
        stand.workers.remove(worker)
        stand.start_worker()
        _end(worker)


def _roll_sidecars(stand: Stand) -> None:
    for sidecar in [*stand.sidecars]:
        stand.sidecars.remove(sidecar)
        stand.start_sidecar()
        assert sidecar.stop() in _SIDECARS_MAY, sidecar.output


def _roll_all(stand: Stand) -> None:
    steps = [_roll_workers, _roll_sidecars, _restart_broker]
    stand.rng.shuffle(steps)
    for step in steps:
        step(stand)


def _restart_broker(stand: Stand) -> None:
    stand.broker.stop()
    stand.broker.start()


def _hang(stand: Stand) -> None:
    worker = stand.rng.choice(stand.workers)
    halt(worker)
    time.sleep(HANGS)
    worker.send(signal.SIGCONT)


def _starve(stand: Stand) -> None:
    """Give a worker not a page more for a while; it may end of that, and is started again then."""
    worker = stand.rng.choice(stand.workers)
    soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_AS)
    with suppress(ProcessLookupError):
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (_virtual(worker.pid), hard))
        time.sleep(stand.rng.uniform(1, MOST_STARVED))
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (soft, hard))
    if not worker.running:
        stand.workers.remove(worker)
        stand.start_worker()


def _virtual(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[0]) * resource.getpagesize()


def _end(process: Process) -> None:
    # One that is still importing is ended as any program is.
    until(lambda: process.catches(signal.SIGTERM) or not process.running, lambda: process.output)
    assert process.stop() == 0, process.output


_SIDECARS_MAY: Final = (0, 1)
"""How a sidecar may end: trainers go on logging, and with something left it ends with 1."""

HANGING = Happening(f"a worker is stopped for {HANGS:g} s", _hang)
STARVED = Happening("a worker gets no more memory for a while", _starve)
SCALED = _phases(1, 4, 1)
NOBODY = _phases(2, 0, 2)
WORKERS_ROLLED = Happening("workers are followed by others, one after another", _roll_workers)
ALL_ROLLED = Happening("everything is restarted in order, one after another", _roll_all)
