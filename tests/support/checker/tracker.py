"""The trackers that the checker reads: each with its route, its config, and readers of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from support.lines import read_lines
from support.live import Found, folder_of, read_in_file_order, read_points
from support.points import NAMES, Point
from support.product import Trainer
from support.verdict import Verdict

Story: TypeAlias = Sequence[tuple[str, Point]]
"""Names and points in the order in which they were written."""


@dataclass(frozen=True)
class Tracker:
    """One route, and what is at its end.

    Attributes:
        route: its name in the config file.
        folder: of its place, below the config file's.
        sink: its keys in the config file.
        show: what its own reader finds in a run's folder, by name.
        replay: the same in the order in which it was written.
    """

    route: str
    folder: str
    sink: str
    show: Callable[[Path], Found]
    replay: Callable[[Path], Story]

    def judge(self, place: Path, trainer: Trainer) -> Verdict:
        """Compare a trainer's own log with what is in the place, a folder below ``place``."""
        folder = folder_of(place / self.folder, trainer.site, trainer.run)
        verdict = trainer.compare(self.show(folder))
        return replace(verdict, out_of_order=verdict.out_of_order + (not _is_in_order(self.replay(folder))))


def _is_in_order(story: Story) -> bool:
    """Whether the points of all names follow each other as they were logged; what nobody logged has no place in it."""
    numbers = [point.step * len(NAMES) + NAMES.index(name) for name, point in story if name in NAMES]
    return all(before <= after for before, after in pairwise(numbers))


def _by_name(sequence: Story) -> Found:
    found: dict[str, list[Point]] = {}
    for name, point in sequence:
        found.setdefault(name, []).append(point)
    return found


TENSORBOARD: Final = Tracker("tb", "runs", "{type: tensorboard, logdir: runs}", read_points, read_in_file_order)
JSONL: Final = Tracker(
    "lines", "lines", "{type: jsonl, dir: lines}", lambda folder: _by_name(read_lines(folder)), read_lines
)
