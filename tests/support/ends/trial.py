"""A trial: one ending, one state of the broker, one syntax, drawn from a seed; and what came of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from support.ends.endings import ENDINGS
from support.ends.ledger import Lane
from support.ends.syntaxes import SYNTAXES

MOST_APART: Final = 1.2  # seconds between two signals
MOST_LATE: Final = 1.0  # seconds into the end


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Attributes:
        number: in its campaign; its run's id is made of it.
        ending: of ``ENDINGS``.
        syntax: of ``SYNTAXES``, or none.
        variant: a number from 0 to 1: which of the things that a state of the broker can be.
        apart: seconds between two signals.
        late: seconds from the beginning of the end to the first signal, of endings that are disturbed.
    """

    number: int
    ending: str
    syntax: str
    variant: float = 0.0
    apart: float = 0.0
    late: float = 0.0

    @property
    def run(self) -> str:
        """Its run's id."""
        return f"trial-{self.number}"

    def __str__(self) -> str:
        return f"trial {self.number}: {self.ending}, in the syntax of {self.syntax}"


@dataclass(frozen=True)
class Outcome:
    """What came of it.

    Attributes:
        code: the exit code, or minus the signal; None if it hung and was killed.
        seconds: from what ended it to the end of its first process.
        lingered: the same to the end of its last process; None if one of them hung and was killed.
        out, err: what it wrote.
        lanes: what its processes and threads logged.
    """

    code: int | None
    seconds: float
    lingered: float | None
    out: str
    err: str
    lanes: Sequence[Lane]


def draw(seed: int, count: int) -> Iterator[Trial]:
    """Yield trials: the endings by turns in a random order, each with a random syntax and random moments."""
    rng = random.Random(seed)
    names = list[str]()
    for number in range(count):
        if not names:
            names = list(ENDINGS)
            rng.shuffle(names)
        yield Trial(
            number,
            names.pop(),
            rng.choice(list(SYNTAXES)),
            rng.random(),
            rng.uniform(0, MOST_APART),
            rng.uniform(0, MOST_LATE),
        )
