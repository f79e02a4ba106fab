"""A trainer that takes the time of each of its log calls.

``python -m support.call_times JOURNAL TIMES PER_SECOND SEED RUN``: logs until the journal says to stop; then the file
TIMES holds two doubles for each call: when it began, by the monotonic clock, and how long it took, both in seconds.
"""

from __future__ import annotations

import sys
import time
from array import array
from itertools import count
from pathlib import Path

from sitewire.collectors.run import Run
from sitewire.collectors.tensorboard import SummaryWriter
from support.journal import Journal
from support.points import scalar

BURST = 10  # calls between two pauses


def main() -> None:
    journal, file, rate, seed, run = sys.argv[1:]
    times = array("d")
    with Run(run) as opened, SummaryWriter(run=opened) as writer:
        _log(Journal(Path(journal)), writer, times, int(rate), int(seed))
    Path(file).write_bytes(times.tobytes())


def _log(journal: Journal, writer: SummaryWriter, times: array[float], rate: int, seed: int) -> None:
    started = time.monotonic()
    for number in count():
        if journal.stopping:
            return
        name, value, step, at = scalar(seed, number)
        journal.attempted = number + 1
        began = time.perf_counter()
        writer.add_scalar(name, value, step, at)
        took = time.perf_counter() - began
        journal.accepted = number + 1
        times.extend((time.monotonic(), took))
        if number % BURST == 0:
            time.sleep(max(started + number / rate - time.monotonic(), 0))


def read_times(file: Path) -> list[tuple[float, float]]:
    """Return when each call began, and how long it took."""
    times = array("d")
    times.frombytes(file.read_bytes())
    return list(zip(times[::2], times[1::2], strict=True))


if __name__ == "__main__":
    main()
