"""How long a row of ten metrics takes to log: our own call, W&B's syntax over it, and W&B's own client offline.

    python benchmarks/rows.py

What ours logged survives a SIGKILL when the call returns; the client's rows are in its file within 15 seconds.
Both sides log the same rows; each call is timed, with two reads of the clock (about 0.1 us).
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from sitewire.collectors import Run, wandb

METRICS = 10

Row = Mapping[str, object]


def timed(log: Callable[[Any], object], row: Row, calls: int) -> list[int]:
    """Nanoseconds of each call."""
    clock, taken = time.perf_counter_ns, [0] * calls
    for number in range(calls):
        begun = clock()
        log(row)
        taken[number] = clock() - begun
    return taken


def show(what: str, taken: list[int]) -> None:
    taken.sort()
    at = [taken[min(int(len(taken) * share), len(taken) - 1)] / 1000 for share in (0.5, 0.99, 0.999)]
    print(f"{what:<44}" + "".join(f"{microseconds:>10.1f}" for microseconds in at))


def original(place: str, row: Row, calls: int) -> list[int]:
    """The same with W&B's client."""
    import wandb as client  # noqa: PLC0415  the others need nothing of it

    settings = client.Settings(mode="offline", root_dir=place, silent=True, console="off", x_disable_stats=True)
    with client.init(settings=settings) as run:
        return timed(run.log, dict(row), calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000, help="rows of each part (default: %(default)s)")
    calls = parser.parse_args().calls
    numbers = {f"metric/{number}": 0.5 for number in range(METRICS)}
    foreign = {name: np.float32(value) for name, value in numbers.items()}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"SITEWIRE_SPOOL": f"{scratch}/spool", "SITEWIRE_PUBLISH": "none"}
        print(f"Python {platform.python_version()}; microseconds a row of {METRICS}")
        print(f"{'':<44}{'p50':>10}{'p99':>10}{'p99.9':>10}")
        with Run("ours", site="here") as ours:
            show("Run.log", timed(ours.log, numbers, calls))
        with wandb.init(id="syntax") as run:
            show("sitewire.collectors.wandb", timed(run.log, numbers, calls))
            show("sitewire.collectors.wandb, numpy's numbers", timed(run.log, foreign, calls))
            nested = {"train": numbers}
            show("sitewire.collectors.wandb, a dictionary inside", timed(run.log, nested, calls))
            assert not run.refused
        show("wandb, offline", original(scratch, numbers, calls))


if __name__ == "__main__":
    main()
