"""The W&B client dies, hangs and lingers: no record is lost or doubled, and no other run stays in trouble."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sitewire.schemas.receipt import Position
from sitewire.schemas.record import Kind, Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import SinkBusy, Temporary
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, span, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink, core_lock, host_process, segment
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb import writer
from support.wandb.expected import entries, expected
from support.wandb.processes import processes_of
from support.wandb.reader import read_runs

A = stream(1)
PROGRAM = (sys.executable, writer.__file__)
OTHER = RunKey("site", "other")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def make_sink(place: Path) -> WandbSink:
    return WandbSink.from_options(WandbOptions(dir=place, flush_seconds=0), place)


@asynccontextmanager
async def two_runs(place: Path) -> AsyncIterator[list[Runner]]:
    """Two runs of one sink, five records in each; what is left to do afterwards is delivered, and all is checked."""
    async with opened(make_sink(place)) as sink:
        runners = [await Runner(sink, key).open() for key in (KEY, OTHER)]
        for runner in runners:
            await runner.deliver(scalars(A, 0, 5))
        yield runners
        for runner in runners:
            await runner.reopen()
            await runner.finish(scalars(A, 0, 12))
            assert runner.known == {A: Position(delivered=12)}
    for runner in runners:
        holds(place, runner.key, records_of([scalars(A, 0, 12)]))


def holds(place: Path, key: RunKey, records: list[Record]) -> None:
    assert list(entries(read_runs(place)[run_id(key)])) == list(expected(records))


async def fails(runner: Runner) -> None:
    with pytest.raises(Temporary):
        await runner.deliver(scalars(A, 5, 9))


@pytest.mark.parametrize("victim", ["host", "core"])
async def test_a_client_that_dies_costs_each_run_one_opening(place: Path, victim: str) -> None:
    async with two_runs(place) as runners:
        os.kill(processes_of(place)[victim], signal.SIGKILL)
        for runner in runners:
            await fails(runner)


@pytest.mark.parametrize("victim", ["host", "core"])
async def test_a_client_that_hangs_is_killed_with_its_core(
    place: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment, "COMES", 0.5)
    monkeypatch.setattr(host_process, "ENDS", 0.5)
    async with two_runs(place) as runners:
        with monkeypatch.context() as patience:
            patience.setattr(host_process, "HANGS", 0.5)
            os.kill(processes_of(place)[victim], signal.SIGSTOP)
            await fails(runners[0])
            await runners[0].run.close()
        assert processes_of(place) == {}
        await fails(runners[1])


async def test_a_name_that_ends_the_core_is_kept_out_of_it(place: Path) -> None:
    records = [Record(Kind.SCALAR, name, 0.5, BEGIN, step) for step, name in enumerate(("\\", "~\\", "_step"))]
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        before = processes_of(place)
        await runner.finish(span(A, 0, records))
        assert before in ({}, processes_of(place))
    holds(place, KEY, records)


async def test_who_takes_over_waits_for_the_core_that_a_killed_worker_left(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_lock, "DRAINS", 0.1)
    worker = await start_writer(place)
    core = processes_of(place)["core"]
    os.kill(core, signal.SIGSTOP)
    worker.kill()
    await worker.wait()
    sink = make_sink(place)
    with pytest.raises(SinkBusy, match=f"client of process {worker.pid} "):
        await sink.open(0)
    await sink.close()
    os.kill(core, signal.SIGCONT)
    monkeypatch.setattr(core_lock, "DRAINS", 20)
    async with opened(sink):
        runner = await Runner(sink, KEY).open()
        assert runner.run.positions[A].next > 0
        await runner.run.close()


async def test_what_a_killed_workers_core_still_writes_is_not_written_again(place: Path) -> None:
    worker = await start_writer(place)
    worker.kill()
    await worker.wait()
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        end = runner.run.positions[A].next
        await runner.finish(scalars(A, end, end + 5))
    rows = read_runs(place)[run_id(KEY)].rows
    assert [row.number for row in rows] == list(range(len(rows)))
    holds(place, KEY, records_of([scalars(A, 0, end + 5)]))


async def test_the_operators_settings_of_the_client_change_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("MODE", "disabled"), ("PROJECT", "mine"), ("RUN_ID", "x"), ("DIR", "/nowhere")):
        monkeypatch.setenv(f"WANDB_{name}", value)
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.finish(scalars(A, 0, 5))
    run = read_runs(place)[run_id(KEY)]
    assert (run.info.project, len(run.rows)) == ("experiment", 5)


async def start_writer(place: Path) -> asyncio.subprocess.Process:
    """Start a process that delivers to the run without end, and wait until its client writes."""
    process = await asyncio.create_subprocess_exec(*PROGRAM, str(place), stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"writing\n"
    return process
