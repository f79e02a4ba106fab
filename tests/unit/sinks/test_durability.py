"""What is committed, and what a recovery counts as committed, was synced: contents, and names up to the place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sitewire.schemas.receipt import Position
from sitewire.workers.sinks.contract import Delivery
from sitewire.workers.sinks.jsonl import JsonlSink
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import scalar, span, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink

A = stream(1)
KINDS = pytest.mark.parametrize("kind", [TensorBoardSink, JsonlSink])

Synced = Callable[[], dict[int, int]]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """Inodes that were synced since the last call, with their sizes at that moment."""
    sizes: dict[int, int] = {}
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        status = os.fstat(descriptor)
        sizes[status.st_ino] = status.st_size

    def take() -> dict[int, int]:
        taken = dict(sizes)
        sizes.clear()
        return taken

    monkeypatch.setattr(os, "fsync", noted)
    return take


def everything(place: Path) -> tuple[dict[int, int], set[int]]:
    """Return the files of a place with their sizes, and its folders, without the locks."""
    paths = [path for path in place.rglob("*") if ".sitewire" not in path.parts]
    files = {path.stat().st_ino: path.stat().st_size for path in paths if path.is_file()}
    return files, {place.stat().st_ino} | {path.stat().st_ino for path in paths if path.is_dir()}


def batch(first: int) -> Delivery:
    return span(A, first, [scalar(n, series=(None, "a", "a/b")[n % 3]) for n in range(first, first + 9)])


@KINDS
async def test_a_commit_syncs_every_file_and_folder_that_the_batch_made(
    tmp_path: Path, kind: type[TensorBoardSink | JsonlSink], synced: Synced
) -> None:
    async with opened(kind(tmp_path)) as sink:
        runner = await Runner(sink).open()
        for first in (0, 9):
            await runner.deliver(batch(first))
            files, folders = everything(tmp_path)
            found = synced()
            assert {inode: found[inode] for inode in files} == files
            assert first or folders <= found.keys()
        await runner.run.close()


@KINDS
async def test_a_recovery_syncs_what_it_counts(
    tmp_path: Path, kind: type[TensorBoardSink | JsonlSink], synced: Synced
) -> None:
    async with opened(kind(tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.run.write([batch(0)])
        await runner.run.close()
        synced()
        await runner.open()
        assert dict(runner.run.positions) == {A: Position(0, 9)}
        files, folders = everything(tmp_path)
        found = synced()
        assert {inode: found[inode] for inode in files} == files
        assert folders <= found.keys()
        await runner.run.close()


async def test_a_commit_to_w_and_b_syncs_the_file_that_its_client_has_written_and_the_folders_above(
    tmp_path: Path, synced: Synced
) -> None:
    sink = WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path)
    async with opened(sink):
        runner = await Runner(sink).open()
        before = 0
        for first in (0, 9):
            await runner.deliver(batch(first))
            (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
            found = synced()
            assert found[path.stat().st_ino] > before
            assert first or {above.stat().st_ino for above in path.parents[:3]} <= found.keys()
            before = found[path.stat().st_ino]
        await runner.run.close()
