"""Clocks that are set, or go wrong, under load."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from support.clocks import Clocks, changed
from support.matrix.stand import Stand

DAY = 86_400.0
JUMPS = [3600.0, -3600.0, DAY, -DAY, 20 * 365 * DAY, -20 * 365 * DAY, 0.0]
DRIFTS = [0.0, 0.0, 0.1, -0.1, 3.0]  # seconds more each second
ROLES = ("trainer", "sidecar", "worker")


@dataclass
class House:
    """What a row's clocks hang in.

    Attributes:
        clocks: while the row is played.
    """

    clocks: Clocks = field(init=False, repr=False)

    @contextmanager
    def prepare(self, stand: Stand) -> Iterator[None]:
        """Have the processes' clocks set by the row; nobody has looked at one yet."""
        folder = stand.folder / "clocks"
        self.clocks = Clocks(folder)
        with changed(TEST_CLOCKS=str(folder)):
            yield
        roles = [role for role in ROLES if role != "sidecar" or stand.plan.sidecars]
        assert all(self.clocks.processes(role) for role in roles), "the clocks were not the tests'"


@dataclass(frozen=True)
class ClockSet:
    """All clocks of a role are set, or one worker's alone: it works beside others whose clocks are right."""

    house: House
    name: str = "a clock is set"

    def strike(self, stand: Stand) -> None:
        """Draw whose, by how much, and whether it is right from then on; the next one sets it again."""
        role = stand.rng.choice(ROLES if stand.plan.sidecars else ("trainer", "worker"))
        ahead, drift = stand.rng.choice(JUMPS), stand.rng.choice(DRIFTS)
        if role == "worker" and stand.rng.random() < 0.5:
            self.house.clocks.set_process(role, stand.rng.choice(stand.workers).pid, ahead, drift)
        else:
            self.house.clocks.set_role(role, ahead, drift)
