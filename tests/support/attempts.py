"""Several trainers of one run, told apart in its trackers by the times of their points."""

from __future__ import annotations

from collections.abc import Sequence

from sitewire.schemas.subject import RunKey
from support.checker.tracker import JSONL, TENSORBOARD
from support.live import Found
from support.product import Site, Trainer
from support.verdict import Verdict

APART = 10_000
"""Between two seeds, in seconds: a trainer of fewer than 640,000 points never comes into the next one's time."""


def verdicts(here: Site, trainers: Sequence[Trainer]) -> list[Verdict]:
    """Return one for each trainer and tracker; all of them share site and run, and nothing else may be there."""
    found: list[Verdict] = []
    for tracker in (TENSORBOARD, JSONL):
        shown = tracker.show(here.folder, RunKey(trainers[0].site, trainers[0].run))
        parts = [_of(shown, trainer) for trainer in trainers]
        found += [trainer.compare(part) for trainer, part in zip(trainers, parts, strict=True)]
        assert sum(map(len, shown.values())) == sum(len(points) for part in parts for points in part.values())
    return found


def _of(found: Found, trainer: Trainer) -> Found:
    first = 1.7e9 + trainer.seed
    own = {name: [point for point in points if first <= point.time < first + APART] for name, points in found.items()}
    return {name: points for name, points in own.items() if points}
