"""What a log call costs in the spool, and what reading costs: ``python benchmarks/spool.py``.

Latencies are measured call by call, so each includes one look at the clock, which is measured too. The tight
loop's mean has no clock in it. "paced" sleeps between bursts of ten calls: the publisher's pace, and cold caches.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sitewire.collectors.spool import filesystem
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.subject import new_writer

READ_LIMIT = 500


@contextmanager
def fresh_writer(root: Path, *, mapped: bool) -> Iterator[SpoolWriter]:
    writer = SpoolWriter(root, WriterIdentity("site", "run", new_writer()), mapped=mapped)
    yield writer
    writer.finish()
    shutil.rmtree(writer.directory.path)


def mean(writer: SpoolWriter, count: int) -> float:
    append = writer.append_scalar
    begun = time.perf_counter()
    for step in range(count):
        append("train/loss", 0.123, 1.7e9, step)
    return (time.perf_counter() - begun) / count


def latencies(call: Callable[[int], object], count: int, pause: float = 0.0) -> list[int]:
    clock = time.perf_counter_ns
    taken = []
    for step in range(count):
        begun = clock()
        call(step)
        taken.append(clock() - begun)
        if pause and step % 10 == 9:
            time.sleep(pause * 10)
    return taken


def threaded(writer: SpoolWriter, count: int, threads: int) -> list[int]:
    taken: list[int] = []

    def work() -> None:
        pause = threads / 10_000  # ten thousand calls a second, all together
        taken.extend(latencies(lambda step: writer.append_scalar("train/loss", 0.1, 1.7e9, step), count, pause))

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return taken


def read_cost(writer: SpoolWriter) -> tuple[float, float, int]:
    """Seconds a record, the longest call in seconds, and records."""
    reader = SpoolReader(writer.directory)
    total = longest = 0.0
    records = 0
    while True:
        begun = time.perf_counter()
        items = reader.read(READ_LIMIT)
        taken = time.perf_counter() - begun
        if not items:
            break
        total, longest, records = total + taken, max(longest, taken), records + len(items)
    reader.close()
    return total / records, longest, records


def show(name: str, taken: list[int]) -> None:
    taken.sort()
    cells = [taken[min(int(len(taken) * share), len(taken) - 1)] / 1000 for share in (0.5, 0.99, 0.999, 1.0)]
    print(f"{name:34}" + "".join(f"{cell:10.2f}" for cell in cells))


def measure(root: Path, count: int, *, mapped: bool) -> None:
    mode = "mapped" if mapped else "written"
    with fresh_writer(root, mapped=mapped) as writer:
        print(f"{mode}: append_scalar, tight loop: mean {mean(writer, count) * 1e6:.2f} us")
        cost, longest, records = read_cost(writer)
        assert records == count
        print(f"{mode}: read({READ_LIMIT}): mean {cost * 1e6:.2f} us a record, longest call {longest * 1e3:.2f} ms")
    with fresh_writer(root, mapped=mapped) as writer:
        show(f"{mode}, tight loop", latencies(lambda step: writer.append_scalar("train/loss", 0.1, 1.7e9, step), count))
    for threads in (1, 8):
        with fresh_writer(root, mapped=mapped) as writer:
            show(f"{mode}, paced 10 k/s, {threads} thread(s)", threaded(writer, 20_000 // threads, threads))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the spool.")
    parser.add_argument("--count", type=int, default=500_000, help="log calls of a tight loop (default: %(default)s)")
    parser.add_argument("--dir", type=Path, help="where to put the spool (default: a temporary directory)")
    arguments = parser.parse_args()
    root = Path(tempfile.mkdtemp(dir=arguments.dir))
    print(f"{root}: {filesystem.type_of(root)}, {arguments.count} calls")
    print(f"{'microseconds':34}" + "".join(f"{name:>10}" for name in ("p50", "p99", "p99.9", "max")))
    show("the clock alone", latencies(lambda _: None, arguments.count))
    try:
        for mapped in (True, False):
            measure(root, arguments.count, mapped=mapped)
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
