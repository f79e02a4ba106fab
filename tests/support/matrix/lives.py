"""Runs whose trainers are killed and go on: what is due of them, and what nobody can know."""

from __future__ import annotations

import bisect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from sitewire.schemas.subject import RunKey
from support.checker.tracker import Story, Tracker, by_name
from support.journal import Journal
from support.points import NAMES
from support.product import Process
from support.verdict import Verdict, judge

ENOUGH = 10**9  # points: until told to stop


@dataclass
class LivedRun:
    """One run, and its own log over all lives of its trainer.

    Attributes:
        key: its site and run.
        seed: of its points.
        file: the journal's.
        journal: what was begun and what returned, in all lives together.
        starts: the number of the first point of each life.
        unsure: numbers of the calls during which a trainer was killed: there or not, both are right.
    """

    key: RunKey
    seed: int
    file: Path
    journal: Journal
    starts: list[int] = field(default_factory=lambda: [0])
    unsure: set[int] = field(default_factory=set)

    @property
    def label(self) -> str:
        """Its run and site, for people."""
        return f"{self.key.run} of {self.key.site}"

    @property
    def due(self) -> int:
        """How many points must be there, of what is logged by now."""
        accepted = self.journal.accepted
        return accepted - sum(number < accepted for number in self.unsure)

    @property
    def ends_and_starts(self) -> tuple[int, int]:
        """How many records are there beside the points, at least and at most.

        Each life logs its start before its first point, and the last one, which nobody kills, its end. One that was
        killed before any point may not have come to its start.
        """
        killed = len(self.starts) - 1
        return 2 + sum(later > begun for begun, later in pairwise(self.starts)), 2 + killed

    @property
    def goes_on(self) -> bool:
        """Whether the present life has logged something: one that has not leaves the run as the last one left it."""
        return self.journal.attempted > self.starts[-1]

    def die(self) -> None:
        """Take down that the trainer is gone, and that the next one goes on behind what it began."""
        self.unsure.update(range(self.journal.accepted, self.journal.attempted))
        self.starts.append(self.journal.attempted)

    def judge(self, tracker: Tracker, base: Path) -> Verdict:
        """Compare its own log with what a tracker's reader finds; ``base`` is the folder of the config file.

        Order is that of each life: between two writers there is none.
        """
        story = tracker.replay(base / tracker.place, self.key)
        found = by_name(story) if tracker.look is None else tracker.look(base / tracker.place, self.key)
        shown = [[(name, point) for point in points] for name, points in found.items()]
        verdict = judge(self.seed, found, self.journal.accepted, self.journal.attempted, self.unsure)
        return replace(verdict, out_of_order=sum(not self._in_order(told) for told in [story, *shown]))

    def recovered(self, tracker: Tracker, base: Path) -> int:
        """Return how many points are there of calls that never returned."""
        unsure = {*self.unsure, *range(self.journal.accepted, self.journal.attempted)}
        story = tracker.replay(base / tracker.place, self.key) if unsure else ()
        return len(unsure & {point.step * len(NAMES) + NAMES.index(name) for name, point in story if name in NAMES})

    def _in_order(self, told: Story) -> bool:
        lives: dict[int, list[int]] = {}
        for name, point in told:
            if name in NAMES:  # what nobody logged is unexpected, and has no place in an order
                number = point.step * len(NAMES) + NAMES.index(name)
                lives.setdefault(bisect.bisect_right(self.starts, number), []).append(number)
        return all(before <= after for numbers in lives.values() for before, after in pairwise(numbers))


class Program:
    """A trainer's process, which logs several runs of a site by turns, again and again from where it died.

    Attributes:
        runs: what it logs.
        process: of its present life.
        rate: points a second of all its runs.
    """

    def __init__(
        self, runs: Sequence[LivedRun], rate: int, launch: Callable[..., Process], variables: Mapping[str, str]
    ) -> None:
        self.runs = runs
        self.rate = rate
        self._launch = launch
        self._variables = variables
        self.process = self._start()

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return all(run.journal.stopping for run in self.runs)

    def kill(self) -> None:
        """SIGKILL; nobody logs these runs then."""
        assert self.process.running, f"it died of itself: {self.process.output[-3000:]}"
        self.process.kill()
        for run in self.runs:
            run.die()

    def go_on(self) -> None:
        """Start it again, on the same runs."""
        self.process = self._start()

    def finish(self) -> None:
        """Have it log no more and end in order."""
        for run in self.runs:
            run.journal.stopping = True
        assert self.process.wait() == 0, self.process.output

    def _start(self) -> Process:
        arguments = [sys.executable, "-m", "support.load", str(ENOUGH), str(self.rate)]
        for run in self.runs:
            arguments += [str(run.file), str(run.seed), run.key.run]
        first = self.runs[0]
        return self._launch(
            arguments, site=first.key.site, run=first.key.run, name=f"trainer-{first.seed}", **self._variables
        )
