"""Records a second from the log call to a committed sink: one trainer, one run, everything on this machine.

The broker flushes each message to the disk before it acknowledges it (``sync_interval: always``), the spool is on
disk, the sink commits before it acknowledges. Beside TensorBoard's figure stands tensorboardX's own event
writer with an fsync each thousand events, in the same run of this script.

    python benchmarks/pipeline.py --records 300000 --sink null --sink tensorboard
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sitewire.broker_config.connection import connect
from sitewire.broker_config.load import load_config
from sitewire.deploy.accounting import read_rows

START_SECONDS = 30.0
TRAINER = """
import sys, time
from sitewire.collectors import Run
run = Run()
names = [f"metric/{number}" for number in range(10)]
run.log_scalar("warm", 0.0)  # opens the spool, imports the client
begin = time.time()
for step in range(int(sys.argv[1])):
    run.log_scalar(names[step % 10], step * 0.5, step)
print(begin, time.time() - begin)
run.finish()
"""


def main() -> None:
    """Measure each sink and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--sink", action="append", choices=("null", "jsonl", "tensorboard"))
    parser.add_argument("--repeat", type=int, default=3, help="the best and the median of so many are shown")
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {options.records} records"
    )
    print(f"{'':34}{'median /s':>12}{'best /s':>12}")
    for sink in options.sink or ["null", "tensorboard"]:
        _print(f"log call to committed, {sink}", [_pipeline(sink, options.records) for _ in range(options.repeat)])
    _print("tensorboardX EventsWriter, fsync/1000", [_events_writer(options.records) for _ in range(options.repeat)])


def _print(what: str, rates: list[float]) -> None:
    print(f"{what:38}{sorted(rates)[len(rates) // 2]:>8,.0f}{max(rates):>12,.0f}", flush=True)


def _pipeline(sink: str, records: int) -> float:
    """Return records a second from the first log call to the last receipt."""
    with tempfile.TemporaryDirectory() as folder:
        place, port = Path(folder), _free_port()
        keys = {"null": "", "jsonl": ", dir: out", "tensorboard": ", logdir: out"}[sink]
        config = place / "sitewire.yaml"
        config.write_text(
            f"broker: {{embedded: {{port: {port}, store: store}}}}\n"
            "collect: {spool: spool}\n"
            f'routes: {{bench: {{subjects: ["metrics.*.*.>"], sink: {{type: {sink}{keys}}}}}}}\n'
        )
        command = [sys.executable, "-m", "sitewire.deploy.cli.main"]
        with subprocess.Popen([*command, "up", "-c", str(config)], stderr=subprocess.DEVNULL) as up:
            try:
                _wait_ready(command, config)
                environment = {
                    **os.environ,
                    "SITEWIRE_URL": f"nats://127.0.0.1:{port}",
                    "SITEWIRE_SPOOL": str(place / "spool"),
                    "SITEWIRE_RUN": "bench",
                    "SITEWIRE_EXIT_TIMEOUT": "600",
                }
                trainer = subprocess.run(
                    [sys.executable, "-c", TRAINER, str(records)], env=environment, check=True, capture_output=True
                )
                begin, logging = map(float, trainer.stdout.split())
                end = asyncio.run(_delivered(config, records))
                print(f"  {sink}: log calls took {logging:.2f} s, all was committed after {end - begin:.2f} s")
                return records / (end - begin)
            finally:
                up.send_signal(signal.SIGTERM)


def _wait_ready(command: list[str], config: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (
        asked := subprocess.run([*command, "status", "-c", str(config)], capture_output=True, check=False)
    ).returncode:
        if time.monotonic() > deadline:
            sys.exit(f"the stack did not start: {asked.stderr.decode()}")
        time.sleep(0.1)


async def _delivered(file: Path, records: int) -> float:
    """Wait for the last receipt and return the time of it; a receipt follows its commit by up to a second."""
    config = load_config(file)
    client = await connect(config.broker.endpoint, name="benchmark")
    try:
        while sum(row.delivered for row in await read_rows(client, config)) < records:  # noqa: ASYNC110  another process's
            await asyncio.sleep(0.02)
        return time.time()
    finally:
        await client.close()


def _events_writer(records: int) -> float:
    from tensorboardX.event_file_writer import EventsWriter  # noqa: PLC0415  slow to import
    from tensorboardX.proto.event_pb2 import Event  # noqa: PLC0415  # pyright: ignore[reportAttributeAccessIssue]  # protobuf
    from tensorboardX.proto.summary_pb2 import Summary  # noqa: PLC0415  # pyright: ignore[reportAttributeAccessIssue]  # protobuf

    with tempfile.TemporaryDirectory() as folder:
        writer = EventsWriter(f"{folder}/events", "")
        file = writer._py_recordio_writer._writer
        assert file is not None
        begin = time.perf_counter()
        for step in range(records):
            value = Summary.Value(tag=f"metric/{step % 10}", simple_value=step * 0.5)
            writer.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
            if step % 1000 == 999:
                writer.flush()
                os.fsync(file.fileno())
        writer.flush()
        rate = records / (time.perf_counter() - begin)
        writer.close()
        return rate


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


if __name__ == "__main__":
    main()
