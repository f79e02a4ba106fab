"""Who logs how much in a soak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from support.soak.rows import NAMES

FEW: Final = "trial-0"
"""The run, of each site, that goes to MLflow too."""

_SHARE: Final = 0.1  # of all records that MLflow gets


@dataclass(frozen=True)
class Part:
    """One trainer: a process with one run.

    Attributes:
        site, run: what it is.
        seed: of its values; new in the soak.
        pace: rows a second.
    """

    site: str
    run: str
    seed: int
    pace: float


@dataclass(frozen=True)
class Plan:
    """A soak.

    Attributes:
        seconds: of logging.
        rate: records a second of all trainers together.
        sites, runs: how many sites, and how many runs each of them has.
        interval: seconds between two samples.
    """

    seconds: float
    rate: int
    sites: int = 4
    runs: int = 8
    interval: float = 10.0

    def parts(self) -> Iterator[Part]:
        """Yield the trainers. Those of the run ``trial-0`` log a tenth of all records, the others the rest."""
        rows = self.rate / len(NAMES)
        few = rows * _SHARE / self.sites
        many = rows * (1 - _SHARE) / self.sites / (self.runs - 1)
        for site in range(self.sites):
            for run in range(self.runs):
                seed = 1 + site * self.runs + run
                yield Part(f"site-{site}", f"trial-{run}", seed, few if f"trial-{run}" == FEW else many)
