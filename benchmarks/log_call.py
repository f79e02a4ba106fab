"""How long one ``Run.log_scalar`` takes: in a tight loop, and paced, from one thread and from several.

    python benchmarks/log_call.py                              records wait in the spool
    python benchmarks/log_call.py --url nats://127.0.0.1:4222  published meanwhile; stop the broker to see no difference

Includes two reads of the clock a call (about 0.1 us), whose own distribution is the first line. What
other programs take of a shared machine is in the upper percentiles too.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import threading
import time
from collections.abc import Callable

from sitewire.collectors import Run

Log = Callable[[str, float, int], None]


def tight(log: Log, calls: int) -> list[int]:
    """Nanoseconds of each call, one right after the other."""
    clock, taken = time.perf_counter_ns, [0] * calls
    for step in range(calls):
        begun = clock()
        log("loss", 0.5, step)
        taken[step] = clock() - begun
    return taken


def paced(log: Log, calls: int, rate: float) -> list[int]:
    """Nanoseconds of each call, at a steady rate; a late call is made at once."""
    clock, taken = time.perf_counter_ns, [0] * calls
    due = time.perf_counter()
    for step in range(calls):
        due += 1 / rate
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        begun = clock()
        log("loss", 0.5, step)
        taken[step] = clock() - begun
    return taken


def from_threads(log: Log, calls: int, rate: float, threads: int) -> list[int]:
    """Nanoseconds of each call of all threads, which share the rate."""
    taken: list[list[int]] = []
    workers = [
        threading.Thread(target=lambda: taken.append(paced(log, calls // threads, rate / threads)))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [nanoseconds for one in taken for nanoseconds in one]


def show(what: str, taken: list[int]) -> None:
    taken.sort()
    at = [taken[min(int(len(taken) * share), len(taken) - 1)] / 1000 for share in (0.5, 0.99, 0.999, 1)]
    print(f"{what:<28}" + "".join(f"{microseconds:>10.2f}" for microseconds in at))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=200_000, help="calls of the tight loop (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=10_000, help="calls a second, paced (default: %(default)g)")
    parser.add_argument(
        "--seconds", type=float, default=5, help="how long each paced part lasts (default: %(default)g)"
    )
    parser.add_argument("--threads", type=int, default=8, help="threads of the last part (default: %(default)s)")
    parser.add_argument("--url", help="publish to this broker meanwhile")
    parser.add_argument("--spool", help="directory of the spool (default: a temporary one)")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        run = Run("benchmark", site="here", url=options.url, spool=options.spool or scratch, exit_timeout=0)
        run.log_scalar("loss", 0.5, 0)
        paced_calls = int(options.rate * options.seconds)
        publisher = f"publishing to {options.url}" if options.url else "no publisher"
        print(f"Python {platform.python_version()}, {publisher}; microseconds a call")
        print(f"{'':<28}{'p50':>10}{'p99':>10}{'p99.9':>10}{'max':>10}")
        show("the clock alone", tight(lambda *_: None, options.calls))
        show("tight loop, 1 thread", tight(run.log_scalar, options.calls))
        show(f"{options.rate:g}/s, 1 thread", paced(run.log_scalar, paced_calls, options.rate))
        several = from_threads(run.log_scalar, paced_calls, options.rate, options.threads)
        show(f"{options.rate:g}/s, {options.threads} threads", several)
        run.finish()
        assert not run.refused


if __name__ == "__main__":
    main()
