"""W&B's client dies or hangs: its core, or the process of ours that holds it."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

from support.matrix.processes import Happening
from support.matrix.stand import Stand
from support.product import until
from support.wandb.processes import pids_of

MOST_STOPPED: Final = 8.0  # seconds


def _kill_client(what: str) -> Happening:
    def kill(stand: Stand) -> None:
        os.kill(_client(stand, what), signal.SIGKILL)

    return Happening(f"W&B's {what} is killed", kill)


def _stop_client(what: str) -> Happening:
    def stop(stand: Stand) -> None:
        pid = _client(stand, what)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(stand.rng.uniform(0, MOST_STOPPED))
        os.kill(pid, signal.SIGCONT)

    return Happening(f"W&B's {what} is stopped", stop)


def _client(stand: Stand, what: str) -> int:
    place = stand.folder / "wandb"
    until(lambda: pids_of(place, what), stand.site.logs)
    return stand.rng.choice(sorted(pids_of(place, what)))


CORE_KILLED = _kill_client("core")
HOST_KILLED = _kill_client("host")
CORE_STOPPED = _stop_client("core")
HOST_STOPPED = _stop_client("host")
