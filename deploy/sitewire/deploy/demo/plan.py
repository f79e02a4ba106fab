"""What is trained, by how many, for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

SERVER: Final = "server"
"""The coordinator's site: where the global metrics come from."""

MAX_SITES: Final = 64
"""Each is a process of its own, with a Python and a numpy in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A federated training. The same plan gives the same network.

    Attributes:
        sites: 1 to ``MAX_SITES``.
        rounds: how often all networks are averaged.
        alpha: how even the labels are dealt (``split.dirichlet_split``).
        seed: of everything random.
        epochs: times that a site goes through its examples in one round.
        batch: examples in a step.
        rate: learning rate.
        momentum: what a step keeps of the last one, 0 to 1.
        hidden: units of the hidden layer.
        test_share: of all examples, held by the coordinator alone; as much of its own each site validates with.
    """

    sites: int = 8
    rounds: int = 5
    alpha: float = 0.5
    seed: int = 0
    epochs: int = 4
    batch: int = 8
    rate: float = 0.02
    momentum: float = 0.9
    hidden: int = 32
    test_share: float = 0.2

    @property
    def names(self) -> tuple[str, ...]:
        """The sites' names, without the coordinator's; they sort as they are numbered."""
        width = len(str(self.sites))
        return tuple(f"site-{number:0{width}}" for number in range(1, self.sites + 1))

    def random(self, *purpose: int) -> np.random.Generator:
        """Return random numbers for one purpose; what another purpose draws does not change them."""
        return np.random.default_rng([self.seed, *purpose])
