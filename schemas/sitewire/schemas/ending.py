"""What a tracker is told about the end of a run, and about its going on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class EndingState(StrEnum):
    """What is to be shown of a run as a whole."""

    RUNNING = "running"
    """An attempt is under way."""
    FINISHED = "finished"
    """Every process has ended in order."""
    FAILED = "failed"
    """A process is gone without its end, or ended with an error."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run stands.

    Attributes:
        state: of its latest attempt.
        attempt: the number of that, from 1.
        time: when it ended, or began if it is running; seconds since the epoch.
    """

    state: EndingState
    attempt: int
    time: float
