"""Growing files: few are open, none is shared, and a full disk in mid-write is survived."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitewire.schemas.receipt import Position
from sitewire.schemas.subject import RunKey
from sitewire.workers.errors import NotOpen, SinkUnavailable
from sitewire.workers.sinks import files
from sitewire.workers.sinks.files import GrowingFile
from sitewire.workers.sinks.jsonl import JsonlSink
from sitewire.workers.sinks.tensorboard import TensorBoardSink, run
from sitewire.workers.sinks.tensorboard.recovery import read_index, recover
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import records_of, scalar, scalars, span, stream
from support.event_files import expected_events, read_event_files

A = stream(1)
LOCK_FILE = 1


def open_files(below: Path) -> int:
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += str(link.readlink()).startswith(str(below))
        except FileNotFoundError:
            continue  # the descriptor that lists the folder
    return found


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel takes no byte behind ``size``: a write is cut short, and the next fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", [TensorBoardSink, JsonlSink])
async def test_many_runs_and_series_hold_few_files_open(
    tmp_path: Path, kind: type[TensorBoardSink | JsonlSink]
) -> None:
    async with opened(kind(tmp_path)) as sink:
        runners = [await Runner(sink, RunKey("site", f"run{n}")).open() for n in range(40)]
        for number, runner in enumerate(runners):
            records = [scalar(index, series=f"s{index}") for index in range(4)]
            await runner.run.write([span(A, 0, records)])
            assert open_files(tmp_path) <= min(files.MAX_KEPT_OPEN, 4 * (number + 1)) + LOCK_FILE
        for runner in runners:
            await runner.commit()
        assert open_files(tmp_path) == LOCK_FILE
        for runner in runners:
            await runner.reopen()
            assert dict(runner.run.positions) == {A: Position(0, 4)}
            await runner.run.close()


@pytest.mark.parametrize("kind", [TensorBoardSink, JsonlSink])
async def test_a_disk_that_is_full_in_mid_write_is_gone_on_with_when_there_is_room(
    tmp_path: Path, kind: type[TensorBoardSink | JsonlSink]
) -> None:
    everything = scalars(A, 0, 400)
    async with opened(kind(tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(scalars(A, 0, 10))
        for _ in range(3):
            with file_size_limit(5000), pytest.raises(SinkUnavailable) as failure:
                await runner.deliver(scalars(A, runner.run.positions[A].next, 400))
            assert failure.value.errno
            with pytest.raises(NotOpen):
                await runner.run.commit()
            await runner.reopen()
        assert 10 < runner.run.positions[A].next < 400
        await runner.finish(everything)
        assert runner.known == {A: Position(0, 400)}
    if kind is TensorBoardSink:
        site, run_token = KEY.tokens
        assert list(read_event_files(tmp_path / run_token / site)) == list(expected_events(records_of([everything])))


async def test_a_disk_that_stays_full_is_not_filled_with_empty_files(tmp_path: Path) -> None:
    async with opened(TensorBoardSink(tmp_path)) as sink:
        runner = await Runner(sink).open()
        for _ in range(5):
            with file_size_limit(0), pytest.raises(SinkUnavailable):
                await runner.deliver(scalars(A, 0, 10))
            await runner.reopen()
        assert len(list(tmp_path.rglob("*tfevents*"))) == 1
        await runner.finish(scalars(A, 0, 10))
        assert len(list(tmp_path.rglob("*tfevents*"))) == 1


async def test_a_large_file_is_followed_by_a_new_one_after_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_FILE_BYTES", 3000)
    site, run_token = KEY.tokens
    folder = tmp_path / run_token / site
    async with opened(TensorBoardSink(tmp_path)) as sink:
        runner = await Runner(sink).open()
        for first in range(0, 400, 40):
            await runner.run.write([scalars(A, first, first + 20)])
            await runner.run.write([scalars(A, first + 20, first + 40)])
            await runner.commit()
            assert (await asyncio.to_thread(recover, folder, tmp_path)).positions == {A: Position(0, first + 40)}
        await runner.run.close()
    paths = sorted(tmp_path.rglob("*tfevents*"))
    assert 3 <= len(paths) <= 10
    assert list(read_event_files(folder)) == list(expected_events(records_of([scalars(A, 0, 400)])))


async def test_a_slow_run_is_recovered_from_few_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "WHOLE_EVERY", 8)
    async with opened(TensorBoardSink(tmp_path)) as sink:
        runner = await Runner(sink).open()
        for index in range(60):
            await runner.run.write([span(A, index, [scalar(index, step=None)])])
            if index % 3:
                await runner.commit()
            else:
                await runner.run.write([span(stream(2), index // 3, [scalar(index, "b")])])
        await runner.commit()
        await runner.run.close()
        (path,) = tmp_path.rglob("*tfevents*")
        found = await asyncio.to_thread(recover, path.parent, tmp_path)
        assert found.positions == runner.known
        assert found.counters == {path.parent: {"loss": 60}}
        assert len((await asyncio.to_thread(read_index, path)).markers) <= 10


def test_a_file_that_somebody_else_writes_to_is_left_alone(tmp_path: Path) -> None:
    file = GrowingFile.create(tmp_path / "file")
    file.append(b"ours")
    file.sync()
    with (tmp_path / "file").open("ab") as other:
        other.write(b"theirs")
    with pytest.raises(SinkUnavailable, match="has 10 bytes where 4 were written"):
        file.append(b"more")
    assert (tmp_path / "file").read_bytes() == b"ourstheirs"


def test_a_file_is_never_made_twice(tmp_path: Path) -> None:
    GrowingFile.create(tmp_path / "file")
    with pytest.raises(SinkUnavailable, match="exists"):
        GrowingFile.create(tmp_path / "file")


def test_over_the_bound_a_file_is_synced_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    fsync = os.fsync
    many = [GrowingFile.create(tmp_path / str(number)) for number in range(files.MAX_KEPT_OPEN + 1)]

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    for number, file in enumerate(many):
        assert len(synced) == 0, number
        file.append(b"x")
    assert len(synced) == 1
    for file in many:
        file.sync()
    assert len(synced) == len(many)
    assert all((tmp_path / str(number)).read_bytes() == b"x" for number in range(len(many)))
