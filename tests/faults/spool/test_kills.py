"""SIGKILL at any moment: what a log call returned True from is there."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import Item, SpoolReader, Stored
from support.spooled import SCALARS, ends, holes, read_all, steps

TRAINER = """
import itertools, mmap, pathlib, struct, sys
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.subject import new_writer

root, tally, mapped, most = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "mapped", int(sys.argv[4])
with open(tally, "r+b") as file:
    accepted = memoryview(mmap.mmap(file.fileno(), 4096)).cast("Q")
writer = SpoolWriter(root, WriterIdentity("a", "r", new_writer()), mapped=mapped)
for step in itertools.count() if most < 0 else range(most):
    if writer.append_scalar("train/loss", 0.5, 1.7e9, step):
        accepted[0] = step + 1
writer.finish()
"""


class Trainer:
    """A program that logs as fast as it can, and says in shared memory what was accepted."""

    def __init__(self, path: Path, mode: str, most: int = -1) -> None:
        path.mkdir()
        (path / "tally").write_bytes(bytes(4096))
        with (path / "tally").open("r+b") as file:
            self._tally = mmap.mmap(file.fileno(), 4096)
        self.root = path / "spool"
        command = [sys.executable, "-c", TRAINER, str(self.root), str(path / "tally"), mode, str(most)]
        self.process = subprocess.Popen(command)

    @property
    def accepted(self) -> int:
        count: int = struct.unpack_from("Q", self._tally)[0]
        return count

    def directory(self) -> WriterDirectory:
        """Wait for it to begin."""
        deadline = time.monotonic() + 30
        while not self.accepted:
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.001)
        return discover(self.root)[0]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def end_of(items: list[Item]) -> int:
    last = items[-1]
    assert isinstance(last, Stored)
    return last.index + 1


@pytest.mark.parametrize("mode", ["mapped", "written"])
@pytest.mark.parametrize("more", [1, 5_000, 30_000, 150_000])
def test_a_killed_writer_loses_nothing_that_append_returned_from(tmp_path: Path, mode: str, more: int) -> None:
    trainer = Trainer(tmp_path / "trainer", mode)
    directory = trainer.directory()
    while trainer.accepted < more:
        os.sched_yield()
    assert directory.is_alive()
    trainer.kill()
    assert not directory.is_alive()
    assert not directory.ended
    reader = SpoolReader(directory)
    items = read_all(reader)
    reader.close()
    assert reader.at_end
    assert not holes(items)
    assert trainer.accepted <= len(items) <= trainer.accepted + 1
    assert steps(items) == list(range(len(items)))


@pytest.mark.parametrize("mode", ["mapped", "written"])
def test_a_reader_in_another_process_follows_and_sees_the_end(tmp_path: Path, mode: str) -> None:
    trainer = Trainer(tmp_path / "trainer", mode, 100_000)
    directory = trainer.directory()
    reader = SpoolReader(directory)
    items: list[Item] = []
    while not reader.at_end:
        items += reader.read(1000)
        if items:
            reader.acknowledge(SCALARS, end_of(items))
            reader.save()
    reader.close()
    assert steps(items) == list(range(100_000))
    assert ends(items) == {SCALARS: 100_000}
    assert directory.ended
    assert trainer.process.wait(10) == 0


def test_readers_killed_at_any_moment_leave_a_cursor_that_resends_and_never_skips(tmp_path: Path) -> None:
    trainer = Trainer(tmp_path / "trainer", "mapped", 20_000)
    directory = trainer.directory()
    seen = 0
    for _ in range(30):
        child = os.fork()
        if not child:
            try:
                reader = SpoolReader(directory)
                while items := reader.read(50):
                    reader.acknowledge(SCALARS, end_of(items))
                    reader.save()
            finally:
                os._exit(0)
        time.sleep(0.01)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        now = SpoolReader(directory).published.get(SCALARS, 0)
        assert now >= seen
        seen = now
    assert seen
    assert trainer.process.wait(30) == 0
    assert steps(read_all(SpoolReader(directory))) == list(range(seen, 20_000))
