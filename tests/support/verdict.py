"""What a trainer logged against what a tracker holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, replace

from support.points import Point, points


@dataclass(frozen=True)
class Verdict:
    """Counts of points; the terms are those of Jepsen's checker of queues.

    Attributes:
        attempted: log calls that were begun.
        accepted: log calls that returned: all of them must be there.
        delivered: different points of these that are there.
        lost: accepted, and not there.
        duplicated: there more often than once; each further time counts.
        unexpected: there, and never attempted: a wrong value, step or time too.
        out_of_order: names whose points are not in the order in which they were logged.
    """

    attempted: int
    accepted: int
    delivered: int
    lost: int
    duplicated: int
    unexpected: int
    out_of_order: int

    @property
    def exact(self) -> bool:
        """Whether everything accepted is there, once, in order, and nothing but what was attempted."""
        return not (self.lost or self.duplicated or self.unexpected or self.out_of_order)

    def __add__(self, other: Verdict) -> Verdict:
        """Of both, about different points."""
        return Verdict(*map(sum, zip(astuple(self), astuple(other), strict=True)))

    def beside(self, other: Verdict) -> Verdict:
        """Of the same points in two trackers: what both have was delivered, what is wrong in either is wrong."""
        both = self + other
        return replace(
            both,
            attempted=self.attempted,
            accepted=self.accepted,
            delivered=min(self.delivered, other.delivered),
        )

    def excusing(self, holes: int) -> Verdict:
        """Return the same where so many of the lost points are named and counted as such."""
        return replace(self, lost=max(self.lost - holes, 0))

    def __str__(self) -> str:
        """One line."""
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in asdict(self).items())


NOTHING = Verdict(0, 0, 0, 0, 0, 0, 0)


def judge(
    seed: int,
    found: Mapping[str, Sequence[Point]],
    accepted: int,
    attempted: int | None = None,
    unsure: Collection[int] = (),
) -> Verdict:
    """Compare what a reader found with the first ``accepted`` points of a trainer.

    Args:
        seed: the trainer's.
        found: per name, in the order of the reader.
        accepted: the number of the last log call that returned, and one.
        attempted: how many were begun; a call that did not return may have left its point or not.
        unsure: numbers of further calls that did not return: those during which the trainer was killed before.
    """
    begun = accepted if attempted is None else attempted
    logged = list(points(seed, begun))
    there = Counter((name, point) for name, sequence in found.items() for point in sequence)
    known, due = set(logged), {point for number, point in enumerate(logged[:accepted]) if number not in unsure}
    return Verdict(
        attempted=begun,
        accepted=len(due),
        delivered=len(known & there.keys()),
        lost=len(due - there.keys()),
        duplicated=sum(count - 1 for count in there.values()),
        unexpected=len(there.keys() - known),
        out_of_order=sum(not _rising(point.step for point in sequence) for sequence in found.values()),
    )


def _rising(steps: Iterable[int]) -> bool:
    listed = list(steps)
    return listed == sorted(listed)
