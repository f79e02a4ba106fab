"""The lock of a partition: who holds it is said, and nothing of this process lets it go by accident."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sitewire.workers.errors import SinkBusy, SinkUnavailable
from sitewire.workers.sinks.jsonl.sink import JsonlSink
from sitewire.workers.sinks.partition_lock import PartitionLock
from sitewire.workers.sinks.tensorboard.sink import TensorBoardSink
from sitewire.workers.sinks.threads import AT_ONCE, in_thread

HOLD = """
import sys
from pathlib import Path
from sitewire.workers.sinks.partition_lock import PartitionLock
lock = PartitionLock.take(Path(sys.argv[1]), 3)
print("held", flush=True)
sys.stdin.read()
"""


def try_elsewhere(place: Path) -> str:
    """Try to take partition 3 in another process; return what it says."""
    result = subprocess.run(
        [sys.executable, "-c", HOLD, str(place)], input="", capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


def test_the_holder_is_named_by_process_host_and_time(tmp_path: Path) -> None:
    lock = PartitionLock.take(tmp_path, 3)
    said = try_elsewhere(tmp_path)
    assert "SinkBusy" in said
    lock.release()
    note = json.loads((tmp_path / ".sitewire" / "3.lock").read_text())  # not before: reading it would let it go
    assert (note["pid"], note["host"]) == (os.getpid(), socket.gethostname())
    for part in (str(lock.path), str(os.getpid()), socket.gethostname(), note["since"]):
        assert part in said
    assert try_elsewhere(tmp_path) == "held\n"


def test_a_refused_attempt_in_the_same_process_keeps_the_lock(tmp_path: Path) -> None:
    lock = PartitionLock.take(tmp_path, 3)
    (tmp_path.parent / "link").symlink_to(tmp_path)
    for place in (tmp_path, tmp_path / "." / ".sitewire" / "..", tmp_path.parent / "link"):
        with pytest.raises(SinkBusy, match="this process"):
            PartitionLock.take(place, 3)
    assert "SinkBusy" in try_elsewhere(tmp_path)
    lock.release()


def test_partitions_are_held_one_by_one(tmp_path: Path) -> None:
    locks = [PartitionLock.take(tmp_path, number) for number in range(3)]
    assert try_elsewhere(tmp_path) == "held\n"
    for lock in locks:
        lock.release()
        lock.release()
    PartitionLock.take(tmp_path, 0).release()


def test_a_forked_child_does_not_keep_a_dead_holders_lock(tmp_path: Path) -> None:
    program = HOLD + "\nimport os, signal\nif os.fork():\n    os.kill(os.getpid(), 9)\nsignal.pause()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        process_group=0,
    )  # fmt: skip
    try:
        assert holder.wait() == -9
        PartitionLock.take(tmp_path, 3).release()
    finally:
        os.killpg(holder.pid, 9)
        assert holder.stdout is not None
        holder.stdout.close()


@pytest.mark.parametrize("note", ["", "nonsense", "[]", "{}", "\x00"])
def test_an_unsigned_lock_is_busy_all_the_same(tmp_path: Path, note: str) -> None:
    lock = PartitionLock.take(tmp_path, 3)
    # Another process writes: one that opened the file here would drop the lock.
    subprocess.run(
        [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write(eval(sys.argv[2]))", lock.path, repr(note)],
        check=True,
    )
    assert "has not signed" in try_elsewhere(tmp_path)
    lock.release()


def test_a_file_where_the_folder_belongs_is_temporary(tmp_path: Path) -> None:
    (tmp_path / "place").write_text("")
    with pytest.raises(SinkUnavailable, match="place"):
        PartitionLock.take(tmp_path / "place", 0)
    (tmp_path / "place").unlink()
    PartitionLock.take(tmp_path / "place", 0).release()


@pytest.mark.parametrize("kind", [JsonlSink, TensorBoardSink])
async def test_a_close_that_is_cancelled_while_all_threads_are_busy_lets_the_lock_go(
    tmp_path: Path, kind: type[JsonlSink | TensorBoardSink]
) -> None:
    first, go = kind(tmp_path), threading.Event()
    await first.open(3)
    busy = [asyncio.create_task(in_thread(go.wait)) for _ in range(AT_ONCE)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(first.close())
    for _ in range(5):  # until it waits for its turn
        await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    await asyncio.gather(*busy)
    next_one = kind(tmp_path)
    await next_one.open(3)
    await next_one.close()
