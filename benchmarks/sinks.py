"""Records a second into TensorBoard event files, beside tensorboardX's own event writer, equally durable.

Both sides write the same points, already made, to one run, and fsync after every batch. By turns, so that a busy
machine is busy for both; the median of the rounds is shown.

    python benchmarks/sinks.py [--points N] [--rounds N] [--dir DIR]
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time
from tensorboardX.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]  # protobuf makes classes at run time

from sitewire.schemas.envelope import Span
from sitewire.schemas.receipt import StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.contract import Delivery, Sink
from sitewire.workers.sinks.jsonl import JsonlOptions, JsonlSink
from sitewire.workers.sinks.null import NullOptions, NullSink
from sitewire.workers.sinks.tensorboard import TensorBoardOptions, TensorBoardSink

KEY = StreamKey("0" * 32, RecordClass.SCALARS)
RUN = RunKey("site", "run")
NAMES = [f"train/metric_{number}" for number in range(20)]


def points(count: int) -> list[Record]:
    return [Record(Kind.SCALAR, NAMES[n % 20], n * 0.001, 1.7e9 + n * 0.01, n // 20) for n in range(count)]


def batches(records: list[Record], size: int) -> Iterable[tuple[int, tuple[Record, ...]]]:
    return [(first, tuple(records[first : first + size])) for first in range(0, len(records), size)]


def tensorboardx(folder: Path, records: list[Record], size: int) -> float:
    folder.mkdir(parents=True)
    writer = EventsWriter(str(folder / "events"))
    begin = time.perf_counter()
    for _, batch in batches(records, size):
        for record in batch:
            value = Summary.Value(tag=record.name, simple_value=record.value)
            writer.write_event(Event(wall_time=record.time, step=record.step, summary=Summary(value=[value])))
        writer.flush()  # with an fsync of its own in it since tensorboardX 2.6
    seconds = time.perf_counter() - begin
    writer.close()
    return len(records) / seconds


def through(make: Callable[[Path], Sink]) -> Callable[[Path, list[Record], int], float]:
    return lambda folder, records, size: asyncio.run(_through(make(folder), records, size))


async def _through(sink: Sink, records: list[Record], size: int) -> float:
    await sink.open(0)
    run = await sink.open_run(RUN, "benchmark", {})
    begin = time.perf_counter()
    for first, batch in batches(records, size):
        await run.write([Delivery(KEY, Span(first, batch))])
        await run.commit()
    seconds = time.perf_counter() - begin
    await run.close()
    await sink.close()
    return len(records) / seconds


async def recovery(folder: Path) -> tuple[float, int]:
    sink = tensorboard_sink(folder)
    await sink.open(0)
    begin = time.perf_counter()
    run = await sink.open_run(RUN, "benchmark", {})
    seconds = time.perf_counter() - begin
    await run.close()
    await sink.close()
    return seconds, run.positions[KEY].next


def tensorboard_sink(folder: Path) -> Sink:
    return TensorBoardSink.from_options(TensorBoardOptions(logdir=folder), folder)


SIDES: dict[str, Callable[[Path, list[Record], int], float]] = {
    "tensorboardX EventsWriter": tensorboardx,
    "sitewire tensorboard": through(tensorboard_sink),
    "sitewire jsonl": through(lambda folder: JsonlSink.from_options(JsonlOptions(dir=folder), folder)),
    "sitewire null": through(lambda folder: NullSink.from_options(NullOptions(), folder)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=None, help="on the disk to measure (default: the temporary one)")
    arguments = parser.parse_args()
    records = points(arguments.points)
    print(f"{arguments.points} points of 20 names, one run; fsync after each batch (null: nothing is stored)")
    for size in (1000, 200):
        rates: dict[str, list[float]] = {name: [] for name in SIDES}
        recoveries: list[float] = []
        for _ in range(arguments.rounds):
            for name, side in SIDES.items():
                folder = Path(tempfile.mkdtemp(dir=arguments.dir))
                rates[name].append(side(folder / "place", records, size))
                if name == "sitewire tensorboard":
                    seconds, found = asyncio.run(recovery(folder / "place"))
                    assert found == len(records)
                    recoveries.append(found / seconds)
                shutil.rmtree(folder)
        base = statistics.median(rates["tensorboardX EventsWriter"])
        for name, values in rates.items():
            rate = statistics.median(values)
            print(f"batches of {size:4}: {name:26} {rate:10,.0f} points/s   {rate / base:6.2f} of tensorboardX")
        print(f"batches of {size:4}: recovery reads {statistics.median(recoveries):,.0f} points/s")


if __name__ == "__main__":
    main()
