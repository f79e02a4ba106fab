"""A trainer under load: logs the points of seeds, and notes in its journals what its calls returned from.

``python -m support.load COUNT PER_SECOND JOURNAL SEED RUN [JOURNAL SEED RUN]...``: so many points of each run, by
turns, and all together at that rate; a rate of 0 is as fast as it can. With the journal of a trainer that was killed
it goes on behind the last point that that one began, as from a checkpoint.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from sitewire.collectors.run import Run
from sitewire.collectors.tensorboard import SummaryWriter
from support.journal import Journal
from support.points import scalar


class Part:
    """One run of the trainer."""

    def __init__(self, stack: ExitStack, journal: str, seed: str, run: str) -> None:
        self.journal = Journal(Path(journal))
        self.next = self.journal.attempted
        self._seed = int(seed)
        self._writer = stack.enter_context(SummaryWriter(run=stack.enter_context(Run(run))))

    def log(self) -> None:
        name, value, step, at = scalar(self._seed, self.next)
        self.next += 1
        self.journal.attempted = self.next
        self._writer.add_scalar(name, value, step, at)
        self.journal.accepted = self.next


def main() -> None:
    count, rate, *rest = sys.argv[1:]
    with ExitStack() as stack:
        parts = [Part(stack, *of) for of in zip(*[iter(rest)] * 3, strict=True)]
        begin = time.monotonic()
        for logged, part in enumerate(_turns(int(count), parts)):
            part.log()
            if int(rate) and logged % 100 == 0:
                time.sleep(max(begin + logged / int(rate) - time.monotonic(), 0))


def _turns(count: int, parts: list[Part]) -> Iterator[Part]:
    while parts := [part for part in parts if part.next < count and not part.journal.stopping]:
        yield from parts


if __name__ == "__main__":
    main()
