"""What is known of hosts by the locks that they hold, and by what they said last."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sitewire.workers.errors import SinkBusy
from sitewire.workers.sinks.wandb import core_lock
from sitewire.workers.sinks.wandb.core_lock import CoreLock, PartitionNote, last_words


async def test_an_owner_waits_for_each_core_that_its_files_were_written_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core_lock, "DRAINS", 0.05)
    locks = await asyncio.to_thread(noted, tmp_path)
    for lock in (locks[1], locks[0], locks[2]):
        with pytest.raises(SinkBusy):
            await PartitionNote(tmp_path, 0).wait()
        lock.let_go()
    await PartitionNote(tmp_path, 0).wait()


def noted(place: Path) -> list[CoreLock]:
    locks = [CoreLock.make(place) for _ in range(3)]
    for lock in locks:
        PartitionNote(place, 0).add(lock.path)
    return locks


def test_a_note_forgets_locks_that_are_gone(tmp_path: Path) -> None:
    note = PartitionNote(tmp_path, 0)
    locks = [CoreLock.make(tmp_path) for _ in range(5)]
    for lock in locks:
        note.add(lock.path)
        lock.let_go()
        lock.path.unlink()
    assert (tmp_path / ".sitewire" / "0.core").read_text() == f"{locks[-1].path.name}\n"


@pytest.mark.parametrize(
    ("said", "crashed"),
    [
        ("", False),
        ("a warning\n", False),
        ("panic: runtime error: slice bounds out of range [1:0]\n\ngoroutine 11 [running]:\n", True),
        ("panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV]\n", True),
        ("fatal error: concurrent map writes\n", True),
        ("fatal error: runtime: out of memory\n", False),
        ("panic: write x: no space left on device\n", False),
        ("Fatal Python error: Segmentation fault\n\nThread 0x1:\n", True),
    ],
)
def test_a_crash_is_told_from_a_kill_and_from_a_system_in_need_by_what_was_said(
    tmp_path: Path, said: str, crashed: bool
) -> None:
    path = tmp_path / "core.lock"
    path.write_text(f"{{}}\n{said}")
    words, found = last_words(path)
    assert found == crashed
    assert words == (said.splitlines()[0] if crashed else words)
