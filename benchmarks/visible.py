"""How long a record takes from the log call until a reader of the tracker sees it.

One trainer logs ten names a step at a steady rate; a reader in a process of its own polls the tracker's own store:
event files with TensorBoard's reader, MLflow's database by SQL, the ``.wandb`` file record by record. What is measured
ends with the look that finds a record, so half the interval between two looks is part of each figure.

    PYTHONPATH=tests python benchmarks/visible.py --tracker mlflow --rate 1000 --seconds 30
"""

from __future__ import annotations

import argparse
import os
import platform
import select
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from support.live import accumulator_of, folder_of
from support.mlflow.server import mlflow_server
from support.product import site_in, until
from support.wandb.tail import Tail

SITE, RUN = "site", "run"
NAMES = 10  # a step
LOOK = 0.05  # seconds between two looks
WARM = 3.0  # seconds at the beginning that do not count: connections and files are made
PACED = [("tensorboard", 10_000), ("wandb", 10_000), ("mlflow", 1_000), ("mlflow", 4_000)]
DURABLE = {
    "tensorboard": "an fsync each batch",
    "mlflow": "committed to the SQLite of a server",
    "wandb": "read back and an fsync each batch",
}
CONFIG = """\
broker:
  embedded: {{{{port: {{port}}, store: store}}}}
collect: {{{{spool: spool}}}}
routes:
  bench: {{{{subjects: ["metrics.*.*.>"], sink: {{{{type: {type}, {keys}}}}}}}}}
"""
TRAINER = f"""
import sys, time
from sitewire.collectors import Run
rate, seconds = int(sys.argv[1]), float(sys.argv[2])
names = [f"metric/{{number}}" for number in range({NAMES})]
run = Run()
begin = time.monotonic()
for step in range(int(rate * seconds) // {NAMES}):
    time.sleep(max(begin + step * {NAMES} / rate - time.monotonic(), 0))
    run.log(dict.fromkeys(names, step * 0.5), step=step)
run.finish()
"""


def main() -> None:
    """Measure each tracker at its rate, or one at the rate given; or be a reader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracker", choices=sorted(DURABLE))
    parser.add_argument("--rate", type=int, help="records a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--flush", type=float, help="flush_seconds of MLflow and W&B (default: the sink's own)")
    parser.add_argument("--read", help=argparse.SUPPRESS)  # what the reader's process is started with
    options = parser.parse_args()
    if options.read:
        read(options.tracker, Path(options.read))
        return
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.seconds:g} s each"
    )
    print(f"{'':14}{'records/s':>10}{'p50 s':>8}{'p99 s':>8}{'most s':>8}{'seen':>10}")
    for tracker, rate in PACED:
        if options.tracker in (None, tracker) and not (options.rate and (tracker, rate) != _first(tracker)):
            show(tracker, options.rate or rate, measure(tracker, options.rate or rate, options.seconds, options.flush))


def _first(tracker: str) -> tuple[str, int]:
    return next(pair for pair in PACED if pair[0] == tracker)


def show(tracker: str, rate: int, ages: Sequence[float]) -> None:
    """Print a line."""
    parts = statistics.quantiles(ages, n=100)
    print(f"{tracker:14}{rate:>10}{parts[49]:>8.2f}{parts[98]:>8.2f}{max(ages):>8.2f}{len(ages):>10}", end="")
    print(f"   {DURABLE[tracker]}", flush=True)


def measure(tracker: str, rate: int, seconds: float, flush: float | None) -> list[float]:
    """Return the ages, in seconds, at which the records were seen first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        keys = "logdir: runs"
        if tracker == "mlflow":
            keys = f'tracking_uri: "{stack.enter_context(mlflow_server(folder)).url}"'
        if tracker == "wandb":
            keys = "dir: wandb"
        if flush is not None and tracker != "tensorboard":
            keys += f", flush_seconds: {flush:g}"
        site = stack.enter_context(site_in(folder, CONFIG.format(type=tracker, keys=keys)))
        up = site.start("up")
        until(lambda: site.run("status").returncode == 0, site.logs)
        command = [sys.executable, __file__, "--tracker", tracker, "--read", str(folder)]
        reader = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        )
        assert reader.stdout is not None
        reader.stdout.readline()  # it has imported what it needs
        trainer = site.program([sys.executable, "-c", TRAINER, str(rate), str(seconds)], site=SITE, run=RUN)
        assert trainer.wait(seconds + 120) == 0, trainer.output
        site.drain(120)
        ages = [float(age) for age in reader.communicate("\n")[0].split()]
        up.stop()
    assert len(ages) == int(rate * seconds) // NAMES * NAMES, f"{len(ages)} records were seen"
    return ages[int(rate * WARM) :]


def read(tracker: str, folder: Path) -> None:
    """Look until a line comes in, and once more; print the age of each record at the look that found it."""
    look = LOOKS[tracker](folder)
    print("ready", flush=True)
    ages: list[float] = []
    while not select.select([sys.stdin], [], [], LOOK)[0]:
        ages += _ages(look)
    print(*ages, *_ages(look), sep="\n")


def _ages(look: Callable[[], Iterator[float]]) -> list[float]:
    logged = list(look())
    now = time.time()
    return [now - at for at in logged]


def tensorboard(folder: Path) -> Callable[[], Iterator[float]]:
    """Return what yields the times of new events, by TensorBoard's Python reader."""
    place = folder_of(folder / "runs", SITE, RUN)
    reader: list[Any] = []
    seen: dict[str, int] = {}

    def look() -> Iterator[float]:
        if not reader and place.exists():
            reader.append(accumulator_of(place))
        for accumulator in reader:
            for tag in accumulator.Reload().Tags()["scalars"]:
                events = accumulator.Scalars(tag)
                yield from (event.wall_time for event in events[seen.get(tag, 0) :])
                seen[tag] = len(events)

    return look


def mlflow(folder: Path) -> Callable[[], Iterator[float]]:
    """Return what yields the times of new rows, in milliseconds as MLflow has them, by SQL."""
    seen = 0

    def look() -> Iterator[float]:
        nonlocal seen
        with closing(sqlite3.connect(f"file:{folder / 'mlflow.db'}?mode=ro", uri=True, timeout=30)) as database:
            rows = database.execute("SELECT rowid, timestamp FROM metrics WHERE rowid > ? ORDER BY rowid", (seen,))
            for seen, milliseconds in rows:  # noqa: B007  the last one counts
                yield milliseconds / 1000

    return look


def wandb(folder: Path) -> Callable[[], Iterator[float]]:
    """Return what yields the times of new points, by reading on in the files."""
    tails: dict[Path, Tail] = {}

    def look() -> Iterator[float]:
        for path in (folder / "wandb").glob("wandb/*run-*/run-*.wandb"):
            for record in tails.setdefault(path, Tail(path)).read():
                if record.HasField("history"):
                    items = {item.key or item.nested_key[0]: item.value_json for item in record.history.item}
                    yield from [float(items["_timestamp"]) for name in items if name.startswith("metric/")]

    return look


LOOKS = {"tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb}


if __name__ == "__main__":
    main()
