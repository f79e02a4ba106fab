"""A trainer under load: logs the points of a seed, and notes in its journal what its calls returned from.

``python -m support.load JOURNAL SEED COUNT PER_SECOND``; a rate of 0 is as fast as it can.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sitewire.collectors.tensorboard import SummaryWriter
from support.journal import Journal
from support.points import scalar


def main() -> None:
    journal, seed, count, rate = Journal(Path(sys.argv[1])), *map(int, sys.argv[2:])
    begin = time.monotonic()
    with SummaryWriter() as writer:
        for number in range(count):
            if journal.stopping:
                break
            name, value, step, at = scalar(seed, number)
            journal.attempted = number + 1
            writer.add_scalar(name, value, step, at)
            journal.accepted = number + 1
            if rate and number % 100 == 0:
                time.sleep(max(begin + number / rate - time.monotonic(), 0))


if __name__ == "__main__":
    main()
