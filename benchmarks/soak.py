"""A soak: 10,000 records a second for an hour, four sites of eight runs, to TensorBoard, W&B and, a tenth, to MLflow.

Every process is on its own as in production: broker, worker, 32 trainers, MLflow's server. Each ten seconds what they
use is taken down; at the end every point is looked for in all three trackers. There are no filters in routes yet, so
that MLflow's tenth is made by subjects: its route names the run ``trial-0``, which logs a tenth of all records at its
four sites.

    PYTHONPATH=tests python benchmarks/soak.py --minutes 60 --rate 10000 --out soak

``--out`` is a folder that is made, for all that is written: about 8 GiB in an hour. SIGTERM and Ctrl-C end it in order,
with a table of what there is; a second one ends it at once.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from support.soak.plan import Plan
from support.soak.report import flat, lines
from support.soak.soaking import Soak, soak

TELLING = 30.0  # minutes: shorter, what fills once looks like growth


def main() -> None:
    """Run the soak and print its report; exit 1 unless it is exact and, if it was long enough to tell, flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--rate", type=int, default=10_000, help="records a second in all (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="a new folder (default: one that goes away)")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}", flush=True)
    with ExitStack() as stack:
        folder = options.out or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "soak"
        folder.mkdir(parents=True)
        done = asyncio.run(_soak(folder, Plan(options.minutes * 60, options.rate)))
        report = "\n".join(lines(done))
        (folder / "report.md").write_text(report + "\n")
    print(report)
    sys.exit(not (done.exact and (options.minutes < TELLING or flat(done))))


async def _soak(folder: Path, plan: Plan) -> Soak:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def end(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, number)
    return await soak(folder, plan, stop)


if __name__ == "__main__":
    main()
