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
        replay: what is in a run's folder, in the order in which it was written.
        look: the same by name, as people see it, if there is such a reader.
    """

    route: str
    folder: str
    sink: str
    replay: Callable[[Path], Story]
    look: Callable[[Path], Found] | None = None

    def show(self, folder: Path) -> Found:
        """Return what is in a run's folder, by name."""
        return _by_name(self.replay(folder)) if self.look is None else self.look(folder)

    def judge(self, place: Path, trainer: Trainer) -> Verdict:
        """Compare a trainer's own log with what is in the place, a folder below ``place``."""
        folder = folder_of(place / self.folder, trainer.site, trainer.run)
        story = self.replay(folder)
        verdict = trainer.compare(_by_name(story) if self.look is None else self.look(folder))
        return replace(verdict, out_of_order=verdict.out_of_order + (not _is_in_order(story)))


def _is_in_order(story: Story) -> bool:
    """Whether the points of all names follow each other as they were logged; what nobody logged has no place in it."""
    numbers = [point.step * len(NAMES) + NAMES.index(name) for name, point in story if name in NAMES]
    return all(before <= after for before, after in pairwise(numbers))


def _by_name(sequence: Story) -> Found:
    found: dict[str, list[Point]] = {}
    for name, point in sequence:
        found.setdefault(name, []).append(point)
    return found


TENSORBOARD: Final = Tracker("tb", "runs", "{type: tensorboard, logdir: runs}", read_in_file_order, read_points)
JSONL: Final = Tracker("lines", "lines", "{type: jsonl, dir: lines}", read_lines)
