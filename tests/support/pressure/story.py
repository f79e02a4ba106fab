"""What a place holds of a run, record by record, against what was logged: for more than memory holds at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from support.lines import in_order
from support.live import folder_of
from support.points import NAMES, Point, float32, point
from support.product import Trainer
from support.verdict import Verdict

Story: TypeAlias = Iterable[tuple[str, Point]]
"""Names and points in the order in which they were written."""

Read: TypeAlias = Callable[[Path], Story]
"""Reads a run's folder."""


def event_files(folder: Path) -> Iterator[tuple[str, Point]]:
    """Yield every scalar of a run's folder as TensorBoard's own loader of event files reads it."""
    for path in sorted(folder.glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    yield value.tag, Point(event.step, value.simple_value, event.wall_time)


def lines(folder: Path) -> Iterator[tuple[str, Point]]:
    """Yield every scalar of a run's folder as the ``jsonl`` sink's documentation says."""
    for path in in_order(folder):
        with path.open() as file:
            for text in file:
                if text.endswith("\n") and (line := json.loads(text)).get("kind") == "scalar":
                    at = datetime.fromisoformat(line["time"]).timestamp()
                    yield line["name"], Point(line["step"], float32(line["value"]), at)


def judge(trainer: Trainer, place: Path, read: Read) -> Verdict:
    """Compare a trainer's own log with what is in a place."""
    story = read(folder_of(place, trainer.site, trainer.run))
    return judge_story(trainer.seed, story, trainer.journal.accepted, trainer.journal.attempted)


def judge_story(seed: int, story: Story, accepted: int, attempted: int) -> Verdict:
    """Compare what a reader found with the first points of a trainer; ``out_of_order`` counts steps back in the order.

    Args:
        seed: the trainer's.
        story: in the order of the place.
        accepted: log calls that returned.
        attempted: those that were begun.
    """
    there = bytearray(attempted)
    duplicated = unexpected = back = last = 0
    for found in story:
        number = number_of(found)
        if number is None or not 0 <= number < attempted or point(seed, number) != found:
            unexpected += 1
            continue
        duplicated += there[number]
        there[number] = 1
        back += number < last
        last = number
    lost = there.count(0, 0, accepted)
    return Verdict(attempted, accepted, sum(there), lost, duplicated, unexpected, back)


def number_of(found: tuple[str, Point]) -> int | None:
    """Return which point of a trainer it says it is; None if no trainer has such a name."""
    name, at = found
    return at.step * len(NAMES) + NAMES.index(name) if name in NAMES else None
