"""Processes that are killed, stopped and started again, each drawn at random from its role."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from support.matrix.broker import Embedded
from support.matrix.stand import Stand
from support.product import Process, until

MOST_AWAY = 3.0  # seconds until what was killed is started again
MOST_STOPPED = 12.0  # seconds of a stop: twice a worker's lease


@dataclass(frozen=True)
class Happening:
    """A fault that is a name and a function."""

    name: str
    make: Callable[[Stand], None]

    def strike(self, stand: Stand) -> None:
        """Make it happen and put it right again."""
        self.make(stand)


def away(stand: Stand) -> None:
    """Let some time pass, often none."""
    if stand.rng.random() < 0.5:
        time.sleep(stand.rng.uniform(0, MOST_AWAY))


def halt(process: Process) -> None:
    """SIGSTOP; return when it stands still, and not because it has ended."""
    process.send(signal.SIGSTOP)
    until(lambda: process.halted)
    assert process.running, f"it died of itself: {process.output[-3000:]}"


def _kill_worker(stand: Stand) -> None:
    _one(stand, stand.workers).kill()
    away(stand)
    stand.start_worker()


def _kill_sidecar(stand: Stand) -> None:
    _one(stand, stand.sidecars).kill()
    away(stand)
    stand.start_sidecar()


def _kill_trainer(stand: Stand) -> None:
    program = stand.rng.choice(stand.programs)
    program.kill()
    away(stand)
    program.go_on()


def _kill_server(stand: Stand) -> None:
    assert isinstance(stand.broker, Embedded)
    stand.broker.kill_server()


def _kill_broker(stand: Stand) -> None:
    assert stand.broker.processes(), f"it died of itself: {stand.site.logs()}"
    stand.broker.kill()
    away(stand)
    stand.broker.start()


def _kill_everything(stand: Stand) -> None:
    killed = [*stand.workers, *stand.sidecars]
    stand.rng.shuffle(killed)
    for program in stand.programs:
        program.kill()
    for process in killed[: len(killed) // 2]:
        process.kill()
    stand.broker.kill()
    for process in killed[len(killed) // 2 :]:
        process.kill()
    workers, sidecars = len(stand.workers), len(stand.sidecars)
    stand.workers.clear()
    stand.sidecars.clear()
    for program in stand.programs:
        program.go_on()  # before there is anybody to send to
    stand.broker.start()
    for _ in range(sidecars):
        stand.start_sidecar()
    for _ in range(workers):
        stand.start_worker()


def _stop(roles: Callable[[Stand], Process]) -> Callable[[Stand], None]:
    def stop(stand: Stand) -> None:
        process = roles(stand)
        halt(process)
        time.sleep(stand.rng.uniform(0.1, MOST_STOPPED))
        process.send(signal.SIGCONT)

    return stop


def _stop_server(stand: Stand) -> None:
    stand.broker.pause()
    time.sleep(stand.rng.uniform(0.1, MOST_STOPPED))
    stand.broker.resume()


def _restart(stand: Stand) -> None:
    worker = _one(stand, stand.workers)
    assert worker.stop() == 0, worker.output
    stand.start_worker()


def _one(stand: Stand, processes: list[Process]) -> Process:
    """Draw one, which is not among those that are to run any more."""
    process = stand.rng.choice(processes)
    assert process.running, f"it died of itself: {process.output[-3000:]}"
    processes.remove(process)
    return process


WORKER_KILLED = Happening("a worker is killed", _kill_worker)
SIDECAR_KILLED = Happening("a sidecar is killed", _kill_sidecar)
TRAINER_KILLED = Happening("a trainer is killed", _kill_trainer)
SERVER_KILLED = Happening("nats-server is killed", _kill_server)
BROKER_KILLED = Happening("the broker's command is killed", _kill_broker)
EVERYTHING_KILLED = Happening("everything is killed", _kill_everything)
WORKER_STOPPED = Happening("a worker is stopped", _stop(lambda stand: stand.rng.choice(stand.workers)))
SIDECAR_STOPPED = Happening("a sidecar is stopped", _stop(lambda stand: stand.rng.choice(stand.sidecars)))
TRAINER_STOPPED = Happening("a trainer is stopped", _stop(lambda stand: stand.rng.choice(stand.programs).process))
SERVER_STOPPED = Happening("nats-server is stopped", _stop_server)
WORKER_RESTARTED = Happening("a worker is told to end, and followed", _restart)
