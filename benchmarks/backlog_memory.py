"""The memory of every process under a backlog of ten million records, beside a tenth of it.

Trainers of four sites with six runs each log while no worker runs; two of the sites publish by themselves, the others
through a sidecar. The broker flushes each message to the disk before it acknowledges it. Then a worker delivers all of
it to each sink in turn, and every record in the files is compared with what was logged; ``null`` keeps nothing, there
the receipts are. What is flat does not grow with the backlog.

    PYTHONPATH=tests python benchmarks/backlog_memory.py --records 10000000
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from pathlib import Path

from support.pressure.backlog import SINKS, Measured, measure


def main() -> None:
    """Measure a tenth, then the whole, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--sink", action="append", choices=sorted(SINKS))
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    found = [_measure(count, options.sink or list(SINKS)) for count in (options.records // 10, options.records)]
    print(f"\n{'peak MiB (own pages)':28}{'a tenth':>16}{'all':>16}{'ratio of own':>14}")
    small, large = found
    for role, most in large.peaks.items():
        was, own = small.own[role], large.own[role]
        beside = f"{small.peaks[role]:.0f} ({was:.0f})"
        print(f"{role:28}{beside:>16}{f'{most:.0f} ({own:.0f})':>16}{own / was:>14.2f}")


def _measure(records: int, sinks: list[str]) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder) / "backlog", records, sinks)
    print(measured, flush=True)
    return measured


if __name__ == "__main__":
    main()
