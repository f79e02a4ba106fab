"""TensorBoard's two readers, reading while writers are killed, files are torn and rotated, and others go on.

The Python one (``EventAccumulator``, ``--load_fast=false``) and the data server (``--load_fast=true``, a Rust program)
follow files by different code. Each has to end with every point, once, in order, having never started again.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sitewire.schemas.receipt import Position
from sitewire.schemas.record import Kind, Record
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.tensorboard.framing import framed
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import span, stream
from support.data_server import DataServer

pytestmark = pytest.mark.slow

A = stream(1)
SERIES = (None, None, "s")

WRITER = """
import asyncio, sys
from pathlib import Path
from sitewire.workers.sinks.tensorboard import TensorBoardSink, run
from sitewire.workers.sinks.testing.runner import Runner
sys.path[:0] = sys.argv[2:]
from test_live_readers import A, records
from sitewire.workers.sinks.testing.samples import span
run.MAX_FILE_BYTES = 10_000

async def main():
    sink = TensorBoardSink(Path(sys.argv[1]))
    await sink.open(0)
    runner = await Runner(sink).open()
    print("ready", flush=True)
    while True:
        at = runner.run.positions[A].next if A in runner.run.positions else 0
        await runner.deliver(span(A, at, records(at, at + 40)))
        await asyncio.sleep(0.01)

asyncio.run(main())
"""


def records(first: int, end: int) -> list[Record]:
    """Scalars of two names in two folders; steps rise, as both readers want them to."""
    return [Record(Kind.SCALAR, f"m{n % 2}", float(n), 1.7e9 + n, n, series=SERIES[n % 3]) for n in range(first, end)]


def lines(end: int) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Return what a reader should hold: per folder and name, steps and values."""
    found: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for record in records(0, end):
        found.setdefault((record.series or ".", record.name), []).append((record.step or 0, float(str(record.value))))
    return found


class PythonReader:
    """An accumulator a folder, never made anew."""

    def __init__(self, folder: Path) -> None:
        self._of = {series: EventAccumulator(str(folder / series), {"scalars": 0}) for series in (".", "s")}

    def read(self) -> dict[tuple[str, str], list[tuple[int, float]]]:
        found = {}
        for series, accumulator in self._of.items():
            accumulator.Reload()
            for tag in accumulator.Tags()["scalars"]:
                found[series, tag] = [(event.step, event.value) for event in accumulator.Scalars(tag)]
        return found


def read_server(server: DataServer) -> dict[tuple[str, str], list[tuple[int, float]]]:
    of_the_run = "/".join(reversed(KEY.tokens))
    found = server.provider.read_scalars(
        None, experiment_id="", plugin_name="scalars", downsample=10**9, run_tag_filter=None
    )
    return {
        (run.removeprefix(of_the_run).removeprefix("/") or ".", tag): [(point.step, point.value) for point in points]
        for run, tags in found.items()
        for tag, points in tags.items()
    }


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    pytest.fail("it did not come true")


@contextmanager
def reading(reader: PythonReader) -> Iterator[None]:
    """Reload over and over, as TensorBoard does while people look at it."""
    stop = threading.Event()

    def reload() -> None:
        while not stop.wait(0.02):
            reader.read()

    thread = threading.Thread(target=reload)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def write_and_be_killed(logdir: Path, chance: random.Random) -> None:
    """Let a writer write for a moment; leave a torn record, as one that was killed within ``write`` does."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(logdir), str(Path(__file__).parent), str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == b"ready\n"
        threading.Event().wait(chance.uniform(0.2, 0.6))  # the moment of the kill is what is tried
        process.kill()
        process.wait()
    for folder in {path.parent for path in logdir.rglob("*tfevents*")}:
        torn = framed(b"\x09" + bytes(60))
        with max(folder.glob("*tfevents*")).open("ab") as file:
            file.write(torn[: chance.randrange(len(torn))])


async def finish(logdir: Path) -> int:
    """Write a last batch from here, and return how many records there are."""
    async with opened(TensorBoardSink(logdir)) as sink:
        runner = await Runner(sink).open()
        at = runner.run.positions[A].next
        await runner.deliver(span(A, at, records(at, at + 40)))
        await runner.run.close()
    assert runner.known == {A: Position(0, at + 40)}
    return at + 40


def test_readers_that_never_stop_see_every_point_once(tmp_path: Path) -> None:
    logdir = tmp_path / "runs"
    site, run = KEY.tokens
    chance = random.Random()
    (logdir / run / site / "s").mkdir(parents=True)
    python, server = PythonReader(logdir / run / site), DataServer(logdir, tmp_path / "port")
    try:
        with reading(python):
            for _ in range(6):
                write_and_be_killed(logdir, chance)
                read_server(server)
        end = asyncio.run(finish(logdir))
        wanted = lines(end)
        assert end > 400
        assert len(list(logdir.rglob("*tfevents*"))) > 12  # a file a kill and folder, and those that were full
        assert python.read() == wanted
        wait_for(
            lambda: (
                {line: points[-1:] for line, points in read_server(server).items()}
                == {line: points[-1:] for line, points in wanted.items()}
            )
        )
        assert read_server(server) == wanted
    finally:
        server.close()
    assert PythonReader(logdir / run / site).read() == wanted
