"""Records a second into each tracker: through the whole pipeline, through its sink alone, and by its own client.

All three write the same points of one run, ten names a step, in turns within one invocation, each as durable as the
others: what that means is printed for each tracker. The client is given its best batching. The pipeline is measured
from the first log call to the last receipt, which follows its commit by up to a second; trainer, broker, worker and
MLflow's server share this machine.

    PYTHONPATH=tests python benchmarks/trackers.py --tracker wandb --rounds 3
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitewire.broker_config.connection import connect
from sitewire.broker_config.load import load_config
from sitewire.deploy.accounting import read_rows
from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, new_writer
from sitewire.workers.sinks.claims import Claims
from sitewire.workers.sinks.contract import Delivery, Sink
from sitewire.workers.sinks.registry import sink_type
from support.mlflow.server import mlflow_server
from support.product import PATIENCE, Site, site_in, until

NAMES = [f"metric/{number}" for number in range(10)]
BATCH = 7000  # records: about the 256 KiB that a worker hands to a sink at once when it is behind
REQUEST = 1000  # metrics: MLflow's limit, and of an fsync of TensorBoard's writer
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
names = {NAMES}
run = Run()
run.log_scalar("warm", 0.0, 0)  # opens the spool, imports the client
begin = time.time()
for step in range(int(sys.argv[1]) // len(names)):
    run.log(dict.fromkeys(names, step * 0.5), step=step)
print(begin)
run.finish()
"""


@dataclass(frozen=True)
class Tracker:
    """How one tracker is written to.

    Attributes:
        type: the sink's.
        keys: of the sink, by name; ``PLACE`` stands for a new folder.
        durable: what a record is safe from when it counts as written.
        client: writes records with the tracker's own client into a new folder.
        records: how many are enough to measure.
    """

    type: str
    keys: Mapping[str, str]
    durable: str
    client: Callable[[Path, Sequence[Record]], object]
    records: int


class LocalClaims(Claims):
    """Claims of a sink that is alone."""

    def __init__(self) -> None:
        self._claims: dict[str, str] = {}

    async def read(self, name: str) -> str | None:
        return self._claims.get(name)

    async def claim(self, name: str, value: str, instead_of: str | None = None) -> str:
        if self._claims.get(name) in (None, instead_of):
            self._claims[name] = value
        return self._claims[name]


def main() -> None:
    """Measure each tracker and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracker", action="append", choices=("tensorboard", "mlflow-server", "mlflow-file", "wandb"))
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many is shown")
    parser.add_argument("--records", type=int, help="instead of each tracker's own number")
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.rounds} rounds")
    with ExitStack() as stack:
        url = ""
        if not options.tracker or "mlflow-server" in options.tracker:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = stack.enter_context(mlflow_server(folder)).url
        known = trackers(url)
        for name in options.tracker or known:
            measure(name, known[name], options.records or known[name].records, options.rounds)


def measure(name: str, tracker: Tracker, records: int, rounds: int) -> None:
    """Write by turns in each way, and print the medians beside the client's."""
    points = make_points(records)
    ways: dict[str, Callable[[Path], float]] = {
        "its own client": lambda folder: client(tracker, folder, points),
        "the sink alone": lambda folder: alone(tracker, folder, points),
        "the whole pipeline": lambda folder: pipeline(tracker, folder, records),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, write in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                rates[way].append(write(Path(folder)))
    base = statistics.median(rates["its own client"])
    print(f"{name}: {records} records; {tracker.durable}")
    for way, found in rates.items():
        rate = statistics.median(found)
        print(f"  {way:22}{rate:>12,.0f} records/s{rate / base:>8.2f} of the client", flush=True)


def make_points(count: int) -> list[Record]:
    """Return points of ten names a step; those of a step have one time."""
    return [Record(Kind.SCALAR, NAMES[n % 10], n // 10 * 0.5, 1.7e9 + n // 10 / 1000, n // 10) for n in range(count)]


def client(tracker: Tracker, folder: Path, points: Sequence[Record]) -> float:
    """Return records a second of the tracker's own client."""
    tracker.client(folder, points[: len(NAMES)])  # imports, and makes a database
    begin = time.perf_counter()
    tracker.client(folder, points)
    return len(points) / (time.perf_counter() - begin)


def alone(tracker: Tracker, folder: Path, points: Sequence[Record]) -> float:
    """Return records a second of the sink, each batch committed before the next."""
    kind = sink_type(tracker.type)
    keys = {key: value.replace("PLACE", str(folder)) for key, value in tracker.keys.items()}
    sink = kind.from_options(kind.Options(**keys), folder)
    return asyncio.run(_alone(sink, points))


async def _alone(sink: Sink, points: Sequence[Record]) -> float:
    sink.attach(LocalClaims())
    key = StreamKey(new_writer(), RecordClass.SCALARS)
    await sink.open(0)
    try:
        # A run of its own: the server keeps what the rounds before have written.
        run = await sink.open_run(RunKey("site", f"run-{key.writer}"), "benchmark", {})
        begin = time.perf_counter()
        for first in range(0, len(points), BATCH):
            await run.write([Delivery(key, Span(first, tuple(points[first : first + BATCH])))])
            await run.commit()
        seconds = time.perf_counter() - begin
        await run.close()
    finally:
        await sink.close()
    return len(points) / seconds


def pipeline(tracker: Tracker, folder: Path, records: int) -> float:
    """Return records a second from the first log call to the last receipt."""
    keys = ", ".join(f'{key}: "{value}"' for key, value in tracker.keys.items()).replace("PLACE", str(folder))
    with site_in(folder, CONFIG.format(type=tracker.type, keys=keys)) as site:
        up = site.start("up")
        until(lambda: site.run("status").returncode == 0, site.logs)
        _train(site, len(NAMES))  # the worker imports what it needs, and a database is made
        asyncio.run(_delivered(folder / "sitewire.yaml", len(NAMES)))
        begin = _train(site, records)
        end = asyncio.run(_delivered(folder / "sitewire.yaml", records + len(NAMES)))
        up.stop()
        return records / (end - begin)


def _train(site: Site, records: int) -> float:
    """Log so many records to a new run as fast as it goes; return when the first one was."""
    run = f"run-{new_writer()}"
    arguments = [sys.executable, "-c", TRAINER, str(records)]
    trainer = site.program(arguments, site="site", run=run, name=run, SITEWIRE_EXIT_TIMEOUT="600")
    assert trainer.wait(600) == 0, trainer.output
    return float(trainer.output)


async def _delivered(file: Path, records: int) -> float:
    """Wait for the last receipt, and return the time of it."""
    config = load_config(file)
    broker = await connect(config.broker.endpoint, name="benchmark")
    try:
        async with asyncio.timeout(20 * PATIENCE):
            while sum(row.delivered for row in await read_rows(broker, config)) < records:  # noqa: ASYNC110  another process's
                await asyncio.sleep(0.02)
        return time.time()
    finally:
        await broker.close()


def trackers(url: str) -> dict[str, Tracker]:
    """Return what can be measured; ``url`` is that of MLflow's server."""
    file = "sqlite:///PLACE/mlflow.db"
    return {
        "tensorboard": Tracker(
            "tensorboard",
            {"logdir": "PLACE/runs"},
            f"client: an fsync each {REQUEST} events; sink: one each batch",
            tensorboard_client,
            500_000,
        ),
        "mlflow-server": Tracker(
            "mlflow",
            {"tracking_uri": url},
            "committed to the server's SQLite when a request is answered",
            lambda _, points: mlflow_client(url, points),
            50_000,
        ),
        "mlflow-file": Tracker(
            "mlflow",
            {"tracking_uri": file},
            "committed to SQLite in the same process",
            lambda place, points: mlflow_client(file.replace("PLACE", str(place)), points),
            50_000,
        ),
        "wandb": Tracker(
            "wandb",
            {"dir": "PLACE/wandb", "mode": "offline"},
            "client: one fsync behind finish(), rows of ten; sink: read back and an fsync each batch",
            wandb_client,
            200_000,
        ),
    }


def tensorboard_client(folder: Path, points: Sequence[Record]) -> None:
    """Write with tensorboardX's event writer."""
    from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415  slow to import
    from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415  # pyright: ignore[reportAttributeAccessIssue]  # protobuf
    from tensorboardX.proto.summary_pb2 import Summary  # noqa: PLC0415  # pyright: ignore[reportAttributeAccessIssue]  # protobuf

    writer = EventsWriter(str(folder / "events"))
    for number, point in enumerate(points, 1):
        value = Summary.Value(tag=point.name, simple_value=point.value)
        writer.write_event(Event(wall_time=point.time, step=point.step, summary=Summary(value=[value])))
        if number % REQUEST == 0:
            writer.flush()  # with an fsync of its own in it since tensorboardX 2.6
    writer.close()


def mlflow_client(uri: str, points: Sequence[Record]) -> None:
    """Write with MLflow's client, as many metrics a request as it takes."""
    from mlflow import MlflowClient  # noqa: PLC0415  slow to import
    from mlflow.entities import Metric  # noqa: PLC0415  as above

    made = MlflowClient(uri, registry_uri=uri)
    run: Any = made.create_run("0").info.run_id
    for first in range(0, len(points), REQUEST):
        batch: Any = points[first : first + REQUEST]
        made.log_batch(run, metrics=[Metric(at.name, at.value, int(at.time * 1000), at.step) for at in batch])


def wandb_client(folder: Path, points: Sequence[Record]) -> None:
    """Write with W&B's client, a row for each step."""
    import wandb  # noqa: PLC0415  slow to import

    quiet = wandb.Settings(console="off", x_disable_stats=True, x_disable_meta=True, silent=True)
    run = wandb.init(project="benchmark", mode="offline", dir=folder, settings=quiet)
    for first in range(0, len(points), len(NAMES)):
        row = points[first : first + len(NAMES)]
        values = {point.name: point.value for point in row}
        run.log({**values, "_timestamp": row[0].time}, step=row[0].step)
    run.finish()
    (file,) = folder.glob(f"wandb/offline-run-*/run-{run.id}.wandb")
    with file.open("rb") as written:
        os.fsync(written.fileno())


if __name__ == "__main__":
    main()
