"""A trainer of a soak: ``python -m support.soak.trainer JOURNAL SEED PACE BEGIN``.

It logs ``PACE`` rows a second from ``BEGIN`` (seconds since the epoch) on, until its journal says that it is to stop. A
row's time is the one at which it was due: whoever is late is late in the reader's eyes too.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sitewire.collectors import Run
from support.journal import Journal
from support.soak.rows import row_of


def main() -> None:
    path, seed, pace, begin = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    journal, step = Journal(path), 0
    with Run() as run:
        while not journal.stopping:
            due = begin + step / pace
            time.sleep(max(due - time.time(), 0))
            journal.attempted = step + 1
            run.log(row_of(seed, step), step=step, time=due)
            journal.accepted = step = step + 1
    assert not run.refused, run.refused


if __name__ == "__main__":
    main()
