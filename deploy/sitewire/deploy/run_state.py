"""What is to be said of a run in a route, from what its writers' accounts say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sitewire.schemas.account import Account
from sitewire.schemas.attempt import attempts

SILENT_AFTER = 90.0  # seconds: three of the heartbeats that a living writer's account gives


class RunState(StrEnum):
    """What is to be said of a run in a route."""

    RUNNING = "running"
    """A writer lives, or what it sent is still on its way."""
    COMPLETE = "complete"
    """Every writer has ended, and all that was logged is in the tracker."""
    SHORT = "short"
    """Every writer has ended and nothing is on its way, but something is missing: see gaps, refused, dead letters."""
    CRASHED = "crashed"
    """A writer of the last attempt is gone without its end; a forked child's does not count."""
    SILENT = "silent"
    """A writer should be alive, but nothing has been heard of it for a while."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An account, and when the broker stored it (seconds since the epoch)."""

    account: Account
    time: float


def run_state(heard: Mapping[str, Heard], *, settled: bool, missing: int, now: float) -> tuple[RunState, int]:
    """Return the state of a run in a route, and the number of its last attempt, from 1.

    Args:
        heard: by writer.
        settled: whether all that the writers assigned has met its fate.
        missing: how much of it is in no tracker.
        now: seconds since the epoch.
    """
    if not heard:
        return RunState.RUNNING, 1
    last = attempts({writer: item.account for writer, item in heard.items()})[-1]
    alive = [item for item in heard.values() if item.account.alive]
    if last.crashed:
        state = RunState.CRASHED
    elif alive:
        state = RunState.SILENT if all(now - item.time > SILENT_AFTER for item in alive) else RunState.RUNNING
    elif not settled:
        state = RunState.RUNNING
    else:
        state = RunState.SHORT if missing else RunState.COMPLETE
    return state, last.number
