"""What a trainer logged against what a tracker has, point by point: a byte for each point is all that it keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from support.soak.plan import Part
from support.soak.rows import INDEX, NAMES, value_of
from support.soak.stored import Stored
from support.verdict import Verdict

PRECISION: Final = 0.001  # seconds: MLflow keeps milliseconds
_MOST: Final = 255


@dataclass(frozen=True)
class Logged:
    """What a trainer's journal says.

    Attributes:
        part: the trainer.
        begin: when its first row was due, in seconds since the epoch.
        attempted, accepted: rows.
    """

    part: Part
    begin: float
    attempted: int
    accepted: int


def judge_stream(logged: Logged, stored: Iterable[Stored], *, ordered: bool) -> Verdict:
    """Compare; ``ordered`` if the tracker keeps the order in which it was written."""
    width = len(NAMES)
    counts = bytearray(logged.attempted * width)
    unexpected = out_of_order = last = 0
    for point in stored:
        if not _is_of(logged, point):
            unexpected += 1
            continue
        at = point.step * width + INDEX[point.name]
        counts[at] = min(counts[at] + 1, _MOST)
        out_of_order += ordered and point.step < last
        last = point.step
    there = len(counts) - counts.count(0)
    return Verdict(
        attempted=len(counts),
        accepted=logged.accepted * width,
        delivered=there,
        lost=counts.count(0, 0, logged.accepted * width),
        duplicated=sum(counts) - there,
        unexpected=unexpected,
        out_of_order=out_of_order,
    )


def _is_of(logged: Logged, point: Stored) -> bool:
    if point.name not in INDEX or not 0 <= point.step < logged.attempted:
        return False
    due = logged.begin + point.step / logged.part.pace
    right = value_of(logged.part.seed, point.step, INDEX[point.name])
    return point.value == right and abs(point.time - due) <= PRECISION
