"""The trackers that the checker reads: each with its route, its config, and readers of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from sitewire.broker_config.names import PARTITIONS
from sitewire.schemas.subject import RunKey
from support.lines import counting_lines, read_lines
from support.live import Found, counting_points, folder_of, looking_at, read_in_file_order, read_points
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
        place: where it keeps things, below the config file's folder.
        sink: its keys in the config file.
        replay: what a place holds of a run, in the order in which it was written.
        look: the same by name, as people see it, if there is such a reader.
        watch: makes what looks at a run again and again, if there is something better than ``replay``.
        count: makes what counts a run's points again and again, if there is something better than ``watch``.
        rate, runs: of a load that the tracker can take on a busy machine; points a second of all runs together.
    """

    route: str
    place: str
    sink: str
    replay: Callable[[Path, RunKey], Story]
    look: Callable[[Path, RunKey], Found] | None = None
    watch: Callable[[Path, RunKey], Callable[[], Found]] | None = None
    count: Callable[[Path, RunKey], Callable[[], int]] | None = None
    rate: int = 1200
    runs: int = PARTITIONS

    def __str__(self) -> str:
        return self.route

    def show(self, base: Path, key: RunKey) -> Found:
        """Return what the place holds of a run, by name; ``base`` is the config file's folder."""
        place = base / self.place
        return by_name(self.replay(place, key)) if self.look is None else self.look(place, key)

    def watched(self, base: Path, key: RunKey) -> Callable[[], Found]:
        """Return what looks at a run again and again, from before there is anything of it."""
        return (lambda: self.show(base, key)) if self.watch is None else self.watch(base / self.place, key)

    def counted(self, base: Path, key: RunKey) -> Callable[[], int]:
        """Return what counts a run's points again and again, from before there is anything of it."""
        if self.count is not None:
            return self.count(base / self.place, key)
        look = self.watched(base, key)
        return lambda: sum(map(len, look().values()))

    def judge(self, base: Path, trainer: Trainer) -> Verdict:
        """Compare a trainer's own log with what is in the place."""
        key = RunKey(trainer.site, trainer.run)
        story = self.replay(base / self.place, key)
        verdict = trainer.compare(by_name(story) if self.look is None else self.look(base / self.place, key))
        return replace(verdict, out_of_order=verdict.out_of_order + (not _is_in_order(story)))


def by_name(story: Story) -> Found:
    """Return points by name, in their order."""
    found: dict[str, list[Point]] = {}
    for name, point in story:
        found.setdefault(name, []).append(point)
    return found


def _is_in_order(story: Story) -> bool:
    """Whether the points of all names follow each other as they were logged; what nobody logged has no place in it."""
    numbers = [point.step * len(NAMES) + NAMES.index(name) for name, point in story if name in NAMES]
    return all(before <= after for before, after in pairwise(numbers))


def _folder(place: Path, key: RunKey) -> Path:
    return folder_of(place, key.site, key.run)


TENSORBOARD: Final = Tracker(
    "tb",
    "runs",
    "{type: tensorboard, logdir: runs}",
    lambda place, key: read_in_file_order(_folder(place, key)),
    lambda place, key: read_points(_folder(place, key)),
    lambda place, key: looking_at(_folder(place, key)),
    lambda place, key: counting_points(_folder(place, key)),
)
JSONL: Final = Tracker(
    "lines",
    "lines",
    "{type: jsonl, dir: lines}",
    lambda place, key: read_lines(_folder(place, key)),
    count=lambda place, key: counting_lines(_folder(place, key)),
)
