"""A paced trainer that notes how long each log call took, and what of it the test calls hindered.

``python -m support.pressure.timed PER_SECOND JOURNAL SEED RUN FOLDER``: logs until its journal says stop. A call that
is made while ``FOLDER/hindered`` is there counts as such. In the end the nanoseconds are in ``FOLDER/free.times`` and
``FOLDER/hindered.times``.
"""

from __future__ import annotations

import sys
import time
from array import array
from pathlib import Path
from typing import Final

from sitewire.collectors import Run
from support.journal import Journal
from support.points import scalar

FREE: Final = "free"
HINDERED: Final = "hindered"

_AT_ONCE: Final = 100  # calls between two looks at the clock and at the file


def main() -> None:
    """Log in turns of a hundred."""
    rate, journal, seed, name = int(sys.argv[1]), Journal(Path(sys.argv[2])), int(sys.argv[3]), sys.argv[4]
    folder = Path(sys.argv[5])
    times = {FREE: array("Q"), HINDERED: array("Q")}
    with Run(name) as run:
        number, begin = 0, time.monotonic()
        while not journal.stopping:
            into = times[HINDERED if (folder / HINDERED).exists() else FREE]
            number = _turn(run, journal, seed, number, into)
            time.sleep(max(begin + number / rate - time.monotonic(), 0))
    for kind, taken in times.items():
        (folder / f"{kind}.times").write_bytes(taken.tobytes())


def _turn(run: Run, journal: Journal, seed: int, number: int, into: array[int]) -> int:
    """Log some points; return the number of the next one."""
    clock = time.perf_counter_ns
    for following in range(number, number + _AT_ONCE):
        name, value, step, at = scalar(seed, following)
        journal.attempted = following + 1
        begin = clock()
        run.log_scalar(name, value, step, time=at)
        into.append(clock() - begin)
        journal.accepted = following + 1
    return number + _AT_ONCE


def read_times(folder: Path, kind: str) -> list[float]:
    """Return the microseconds of the calls of a kind, the shortest first."""
    taken = array("Q")
    taken.frombytes((folder / f"{kind}.times").read_bytes())
    return sorted(each / 1000 for each in taken)


def percentile(taken: list[float], share: float) -> float:
    """Return what a share of sorted times did not exceed."""
    return taken[min(int(len(taken) * share), len(taken) - 1)]


def share(taken: list[float], rate: int) -> float:
    """Return which share of its time a trainer of so many calls a second has spent in these calls.

    Who waits makes few calls while it does, and is hardly seen in percentiles; here each wait counts by its length.
    """
    return sum(taken) / len(taken) * rate / 1e6


if __name__ == "__main__":
    main()
