"""What a row has come to, in the terms of Jepsen's checker of queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from support.verdict import NOTHING, Verdict

SHOWN = 4  # complaints in a line


@dataclass
class Account:
    """A row's numbers.

    Attributes:
        row: its name.
        seed: plays it again.
        strikes: by the name of the fault, how often it happened.
        verdicts: by tracker, of all runs together; what a receipt names as missing is not lost.
        named: records that receipts name as missing, over all routes.
        acknowledged: different scalars in the broker's stream at the end.
        recovered: by tracker, points of calls that never returned.
        catch_up: seconds of each wait that was measured.
        memory: MiB by role, of the largest process.
        seconds: that the row took.
        figures: what else was measured, by name.
        complaints: what is wrong beside the verdicts: receipts, live readers.
    """

    row: str
    seed: int
    strikes: dict[str, int] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    named: int = 0
    acknowledged: int = 0
    recovered: dict[str, int] = field(default_factory=dict)
    catch_up: list[float] = field(default_factory=list)
    memory: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    figures: dict[str, str] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        """Whether every tracker has everything once and in order, and our receipts say the same."""
        return bool(self.verdicts) and all(item.exact for item in self.verdicts.values()) and not self.complaints

    def add(self, tracker: str, verdict: Verdict) -> None:
        """Add a run's."""
        self.verdicts[tracker] = self.verdicts.get(tracker, NOTHING) + verdict

    def as_json(self) -> dict[str, Any]:
        """Return everything, for a file."""
        return {**asdict(self), "exact": self.exact}

    def __str__(self) -> str:
        """One line for people."""
        first = next(iter(self.verdicts.values()), NOTHING)
        return "; ".join(
            [
                f"{'exact' if self.exact else 'NOT EXACT'}: {self.row} (seed {self.seed})",
                ", ".join(f"{count} x {name}" for name, count in sorted(self.strikes.items())),
                f"attempted {first.attempted}, accepted {first.accepted}, acknowledged {self.acknowledged}",
                *[self._of(tracker, verdict) for tracker, verdict in self.verdicts.items()],
                f"receipts name {self.named}" + ("" if self.complaints else " and are right"),
                _waits(self.catch_up),
                "MiB: " + ", ".join(f"{role} {peak}" for role, peak in sorted(self.memory.items())),
                *[f"{name} {figure}" for name, figure in self.figures.items()],
                f"{self.seconds:.0f} s",
                *self.complaints[:SHOWN],
            ]
        )

    def _of(self, tracker: str, verdict: Verdict) -> str:
        return (
            f"{tracker}: delivered {verdict.delivered}, lost {verdict.lost}, duplicated {verdict.duplicated}, "
            f"unexpected {verdict.unexpected}, out of order {verdict.out_of_order}, "
            f"recovered {self.recovered.get(tracker, 0)}"
        )


def _waits(seconds: list[float]) -> str:
    if not seconds:
        return "no catch-up measured"
    return f"catch-up of {len(seconds)}: median {median(seconds):.1f} s, longest {max(seconds):.1f} s"
