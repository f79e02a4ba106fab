"""When a killed writer was last alive, as its files tell whoever drains it: a map's stores alone would not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.keeper import SYNC_SECONDS

SLACK = 0.7  # seconds that a loaded machine may be late with a thread's turn

TRAINER = """
import pathlib, sys, time
from sitewire.collectors.spool.identity import WriterIdentity
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.subject import new_writer

root, mapped, busy = pathlib.Path(sys.argv[1]), sys.argv[2] == "mapped", sys.argv[3] == "busy"
writer = SpoolWriter(root, WriterIdentity("a", "r", new_writer()), mapped=mapped)
writer.append_scalar("loss", 0.5, 1.7e9, 0)
print("logged", flush=True)
while True:
    time.sleep(0.01)
    if busy:
        writer.append_scalar("loss", 0.5, 1.7e9, 1)
"""


@pytest.mark.parametrize("mode", ["mapped", "written"])
@pytest.mark.parametrize("load", ["busy", "idle"])
def test_a_killed_writer_was_alive_until_shortly_before_its_end_and_never_after_it(
    tmp_path: Path, mode: str, load: str
) -> None:
    directory = started(tmp_path / "spool", mode, load, seconds=3 * SYNC_SECONDS)
    killed = kill(directory)
    assert killed - SYNC_SECONDS - SLACK < directory.last_written() <= killed


def test_where_a_map_never_shows_its_stores_it_is_told_as_well() -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir():
        pytest.skip("no file system in memory")
    root = memory / f"sitewire-{time.monotonic_ns()}"
    try:
        directory = started(root, "mapped", "busy", seconds=3 * SYNC_SECONDS)
        killed = kill(directory)
        assert killed - SYNC_SECONDS - SLACK < directory.last_written() <= killed
    finally:
        subprocess.run(["rm", "-r", str(root)], check=True)


def test_a_directory_without_files_was_never_alive(tmp_path: Path) -> None:
    assert WriterDirectory(tmp_path / "gone").last_written() == 0.0


_processes: dict[Path, subprocess.Popen[str]] = {}


def started(root: Path, mode: str, load: str, seconds: float) -> WriterDirectory:
    """Start a trainer, and let it live for that long: what it did in its first moments must not be what counts."""
    arguments = [sys.executable, "-c", TRAINER, str(root), mode, load]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "logged\n"
    (directory,) = discover(root)
    _processes[directory.path] = process
    time.sleep(seconds)
    return directory


def kill(directory: WriterDirectory) -> float:
    """SIGKILL; return the time at which a successor could begin."""
    process = _processes.pop(directory.path)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()
    assert not directory.is_alive()
    return time.time()
