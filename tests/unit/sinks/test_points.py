"""The named points inside of file sinks: between which bytes, and before which file, they lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sitewire.workers import point
from sitewire.workers.point import Handler, Point
from sitewire.workers.sinks.files import GrowingFile
from sitewire.workers.sinks.jsonl import JsonlSink
from sitewire.workers.sinks.tensorboard import TensorBoardSink
from sitewire.workers.sinks.testing.runner import Runner, opened
from sitewire.workers.sinks.testing.samples import scalars, stream

A = stream(1)


@pytest.fixture
def reached() -> Iterator[list[Point]]:
    """What has been reached, in order."""
    found: list[Point] = []
    with installed(found.append):
        yield found


@contextmanager
def installed(handler: Handler) -> Iterator[None]:
    point.install(handler)
    try:
        yield
    finally:
        point._handlers.remove(handler)


def test_a_watched_write_is_torn_in_its_middle_and_whole_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    sizes: list[int] = []
    with installed(lambda _: sizes.append(path.stat().st_size if path.exists() else -1)):
        file = GrowingFile.create(path)
        file.append(b"0123456789")
        file.append(b"abcdef")
        file.sync()
    assert sizes == [-1, 5, 13]
    assert path.read_bytes() == b"0123456789abcdef"
    assert file.size == 16


@pytest.mark.parametrize("kind", [TensorBoardSink, JsonlSink])
async def test_a_folder_is_listed_before_a_file_is_opened_and_torn(
    tmp_path: Path, kind: type[TensorBoardSink | JsonlSink], reached: list[Point]
) -> None:
    async with opened(kind(tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(scalars(A, 0, 10))
        assert list(dict.fromkeys(reached)) == [Point.FILE_OPENING, Point.BATCH_TORN]
        reached.clear()
        await runner.reopen()
        assert set(reached) == {Point.RUN_LISTED}
