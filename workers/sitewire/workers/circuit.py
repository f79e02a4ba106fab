"""Whether a place is tried at all: the state machine of a circuit breaker. It asks nobody but its clock.

::

    closed    everybody tries
       | 3 attempts in a row found the place down, or it asked to be left alone
    open      nobody tries until the pause is over
       | the first who asks behind the pause
    probing   one tries; when that works it is closed, when the place is still down it is open for longer
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sitewire.broker_config.backoff import Backoff
from sitewire.workers.errors import PlaceDown, Throttled

IN_A_ROW: Final = 3  # attempts that found the place down
FIRST_PAUSE: Final = 1.0  # seconds
MOST_PAUSE: Final = 10.0
"""Seconds: what waits is to be delivered soon after the place is back, and an attempt that is refused is cheap."""

MOST_ALONE: Final = 300.0  # seconds that a place may ask to be left alone for
PROBE_PATIENCE: Final = 45.0  # seconds after which an attempt that has not come back keeps nobody from the next


class State(Enum):
    """How a place is treated."""

    CLOSED = auto()
    OPEN = auto()
    PROBING = auto()


@dataclass(frozen=True, slots=True, eq=False)
class Permit:
    """Allows one attempt.

    Attributes:
        life: how often it had opened before.
        probe: it is the one attempt that decides.
    """

    life: int
    probe: bool


class Circuit:
    """One place's.

    Args:
        clock: seconds, monotonic.
        pauses: how long nothing is tried; drawn with full jitter, so that many workers do not come back in step.

    Attributes:
        state: see above.
        due: on the clock, when it is tried again, while it is open; while probing, when the probe is given up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, pauses: Backoff | None = None) -> None:
        self.state = State.CLOSED
        self.due = 0.0
        self._clock = clock
        self._pauses = pauses or Backoff(first=FIRST_PAUSE, most=MOST_PAUSE)
        self._down = 0  # attempts in a row
        self._life = 0
        self._probe: Permit | None = None
        self._alone = 0.0  # until then it has asked to be left alone

    @property
    def overdue(self) -> float:
        """Seconds for which somebody could have tried, and nobody has; 0.0 if it is not so."""
        return max(self._clock() - self.due, 0.0) if self.state is State.OPEN else 0.0

    @property
    def left(self) -> float:
        """Seconds until it may be time to ask again; 0.0 if it is."""
        return max(self.due - self._clock(), 0.0)

    def ask(self) -> Permit | None:
        """Return leave to try, or None: not now."""
        if self.state is State.CLOSED:
            return Permit(self._life, probe=False)
        if self._clock() < self.due:
            return None
        # Whoever is at it since the last pause hangs. Should it come back, it may still say that the place works.
        self.state, self.due = State.PROBING, self._clock() + PROBE_PATIENCE
        self._probe = Permit(self._life, probe=True)
        return self._probe

    def worked(self, permit: Permit) -> bool:
        """Take note that the place has answered; whether that has closed it.

        One that began before it opened says nothing about now; nor does any before the time that it asked for is over.
        """
        if self.state is State.CLOSED:
            self._down = 0
            return False
        if not permit.probe or permit.life != self._life or self._clock() < self._alone:
            self.returned(permit)
            return False
        self.state, self._probe, self._down = State.CLOSED, None, 0
        self._pauses.reset()
        return True

    def failed(self, permit: Permit, error: PlaceDown, *, own: bool = False) -> bool:
        """Take note that the place is down; whether that has opened it, or kept it open.

        Args:
            permit: of the attempt.
            error: what it met.
            own: the place works for others; such an attempt does not open it, and says no more of a closed one.
        """
        if isinstance(error, Throttled):
            pause = self._pauses.draw()
            return self._open(max(pause, min(max(0.0, error.seconds or 0.0), MOST_ALONE)), alone=True)
        if self.state is not State.CLOSED:
            return permit is self._probe and self._open(self._pauses.draw())
        if own:
            return False
        if permit.life == self._life:
            self._down += 1
        return self._down >= IN_A_ROW and self._open(self._pauses.draw())

    def returned(self, permit: Permit) -> None:
        """Take note that an attempt has not come to the place: the probe is another's."""
        if permit is self._probe:
            self.state, self._probe, self.due = State.OPEN, None, max(self._clock(), self._alone)

    def _open(self, pause: float, *, alone: bool = False) -> bool:
        until = self._clock() + pause
        if self.state is State.CLOSED:
            self._life += 1
        if alone:
            self._alone = max(self._alone, until)
        self.state, self._probe, self.due = State.OPEN, None, max(until, self._alone)
        return True
