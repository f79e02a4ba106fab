"""A backlog drained by one worker and by two: records a second, memory, and whether the files hold each record once.

The backlog is published first, with no worker there: eight sites with some runs each, envelopes as the publisher
makes them, in a broker that flushes each message to the disk before it acknowledges it. Then each measurement drains
all of it anew, into a place of its own, from the start of the processes to the last receipt (which follows its
commit by up to a second).

    python benchmarks/backlog.py --records 200000 --sink tensorboard --workers 2
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nats.aio.client import Client
from tensorboardX.proto.event_pb2 import Event  # pyright: ignore[reportAttributeAccessIssue]  # protobuf

from sitewire.broker_config.connection import Endpoint, connect
from sitewire.broker_config.load import load_config
from sitewire.collectors.publisher.batcher import Parcel, parcels
from sitewire.collectors.spool.reader import Stored
from sitewire.deploy.accounting import read_rows
from sitewire.schemas.account import Account, ClassAccount, encode_account
from sitewire.schemas.codec import pack_record
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey, Subject, account_subject
from sitewire.workers.sinks.tensorboard.framing import read_frames
from sitewire.workers.sinks.tensorboard.layout import our_files, run_folder

SITES = 8
RUNS = 3  # of each site
NAMES = 10
SINKS = {"null": '{type: "null"}', "jsonl": "{type: jsonl, dir: %s}", "tensorboard": "{type: tensorboard, logdir: %s}"}
COMMAND = (sys.executable, "-m", "sitewire.deploy.cli.main")
PATIENCE = 60.0  # seconds for the broker to start
STUCK = 60.0  # seconds without progress after which a worker is taken to be broken


@dataclass(frozen=True)
class Drained:
    """One measurement: seconds, the peak of each worker's resident memory in MiB, and what the files hold."""

    seconds: float
    peaks: list[int]
    lost: int
    doubled: int


def main() -> None:
    """Publish the backlog, drain it by each sink and number of workers, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--sink", action="append", choices=sorted(SINKS))
    parser.add_argument("--workers", action="append", type=int)
    options = parser.parse_args()
    each = options.records // (SITES * RUNS)
    with tempfile.TemporaryDirectory() as folder, _broker(Path(folder)) as url:
        begin = time.monotonic()
        size = asyncio.run(_publish(url, each))
        records = each * SITES * RUNS
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{records} records of {SITES * RUNS} runs, {size >> 20} MiB, in {time.monotonic() - begin:.0f} s")
        print(f"{'sink':14}{'workers':>8}{'records/s':>12}{'peak MiB':>16}{'lost':>8}{'doubled':>9}")
        for sink in options.sink or ["tensorboard", "null"]:
            for workers in options.workers or [1, 2]:
                _print(sink, workers, records, _drain(Path(folder), url, sink, workers, each))


def _print(sink: str, workers: int, records: int, found: Drained) -> None:
    peaks = " + ".join(map(str, found.peaks))
    rate = records / found.seconds
    print(f"{sink:14}{workers:>8}{rate:>12,.0f}{peaks:>16}{found.lost:>8}{found.doubled:>9}", flush=True)


@contextmanager
def _broker(folder: Path) -> Iterator[str]:
    """Run the embedded broker with its streams, and no worker."""
    port = _free_port()
    config = folder / "broker.yaml"
    # A route there must be; its consumers wait for nobody.
    config.write_text(
        f"broker: {{embedded: {{port: {port}, store: store}}}}\n"
        'routes: {idle: {subjects: ["metrics.nobody.*.>"], sink: {type: "null"}}}\n'
    )
    with subprocess.Popen([*COMMAND, "broker", "-c", str(config)], stdout=subprocess.DEVNULL) as broker:
        try:
            deadline = time.monotonic() + PATIENCE
            while subprocess.run(
                [*COMMAND, "broker", "apply", "-c", config], capture_output=True, check=False
            ).returncode:
                if time.monotonic() > deadline:
                    sys.exit("the broker did not start")
                time.sleep(0.1)
            yield f"nats://127.0.0.1:{port}"
        finally:
            broker.terminate()


async def _publish(url: str, each: int) -> int:
    """Publish so many records of each run, one envelope of a run in flight at a time; return their bytes."""
    packed = [
        pack_record(Record(Kind.SCALAR, f"metric/{step % NAMES}", step * 0.5, 1.7e9 + step, step))
        for step in range(each)
    ]
    queue = parcels(Stored(RecordClass.SCALARS, index, item) for index, item in enumerate(packed))[RecordClass.SCALARS]
    client = await connect(Endpoint(url), name="benchmark")
    try:
        async with asyncio.TaskGroup() as group:
            sent = [group.create_task(_publish_run(client, number, queue)) for number in range(SITES * RUNS)]
        return sum(task.result() for task in sent)
    finally:
        await client.close()


async def _publish_run(client: Client, number: int, queue: list[Parcel]) -> int:
    context, writer, key = client.jetstream(), _writer(number), _key(number)
    subject, size = str(Subject(key, RecordClass.SCALARS, writer)), 0
    for parcel in queue:
        data = parcel.encode(writer, "benchmark")
        await context.publish(subject, data, timeout=30)
        size += len(data)
    count = ClassAccount(queue[-1].end, queue[-1].end, 0)
    account = Account({RecordClass.SCALARS: count}, alive=False, ended=True)
    await context.publish(account_subject(key, writer), encode_account(account))
    return size


def _drain(folder: Path, url: str, sink: str, workers: int, each: int) -> Drained:
    name = f"{sink}-{workers}"
    config = folder / f"{name}.yaml"
    keys = SINKS[sink].replace("%s", name)
    config.write_text(
        f'broker: {{url: "{url}"}}\n'
        f'routes: {{"{name}": {{subjects: ["metrics.*.*.scalars.>"], sink: {keys}}}}}\n'.replace(
            "type: null", 'type: "null"'
        )
    )
    begin = time.monotonic()
    with (folder / f"{name}.log").open("wb") as log:
        command = [*COMMAND, "worker", "-c", str(config)]
        processes = [subprocess.Popen(command, stderr=log) for _ in range(workers)]
    try:
        if (delivered := asyncio.run(_delivered(config, each * SITES * RUNS))) is not None:
            sys.exit(f"{delivered} records were delivered, and no more: {(folder / f'{name}.log').read_text()[-2000:]}")
        seconds = time.monotonic() - begin
        peaks = [_peak(process.pid) for process in processes]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
    return Drained(seconds, peaks, *_count(folder / name, sink, each))


async def _delivered(file: Path, records: int) -> int | None:
    """Wait until so many are delivered; return how many are if nothing moves any more."""
    config = load_config(file)
    client = await connect(config.broker.endpoint, name="benchmark")
    before, moved = -1, time.monotonic()
    try:
        while (delivered := sum(row.delivered for row in await read_rows(client, config))) < records:
            if delivered > before:
                before, moved = delivered, time.monotonic()
            if time.monotonic() > moved + STUCK:
                return delivered
            await asyncio.sleep(0.1)
        return None
    finally:
        await client.close()


def _count(place: Path, sink: str, each: int) -> tuple[int, int]:
    """Return how many records are missing in the files, and how many are there again."""
    lost = doubled = 0
    if sink == "null":
        return 0, 0  # it keeps nothing; its receipts say that all was delivered
    for number in range(SITES * RUNS):
        steps = Counter(_events(place, _key(number)) if sink == "tensorboard" else _lines(place, _key(number)))
        lost += each - len(steps)
        doubled += steps.total() - len(steps)
    return lost, doubled


def _events(place: Path, key: RunKey) -> Iterator[int]:
    for path in our_files(run_folder(place, key)):
        with path.open("rb", buffering=0) as file:
            for data in read_frames(file):
                event = Event.FromString(data)
                if event.HasField("summary"):
                    yield event.step


def _lines(place: Path, key: RunKey) -> Iterator[int]:
    site, run = key.tokens
    for path in (place / run / site).glob("scalars*.jsonl"):
        with path.open() as file:
            for line in file:
                yield int(line.rpartition('"step":')[2].rstrip("}\n"))


def _peak(pid: int) -> int:
    """Return the most resident memory that a process has had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10


def _key(number: int) -> RunKey:
    return RunKey(f"site-{number % SITES}", f"run-{number // SITES}")


def _writer(number: int) -> str:
    return f"{number + 1:02x}" * 16


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
