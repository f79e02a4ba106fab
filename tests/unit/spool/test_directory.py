from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from pathlib import Path

import pytest

from sitewire.collectors.errors import SpoolBusy, SpoolKept
from sitewire.collectors.spool import directory as directory_module
from sitewire.collectors.spool import lock
from sitewire.collectors.spool.directory import WriterDirectory, discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.schemas.subject import new_writer
from support.spooled import MakeWriter, acknowledge, identity, read_all

SPAWN = multiprocessing.get_context("spawn")


def is_alive_elsewhere(path: Path) -> bool:
    """What another process says."""
    with SPAWN.Pool(1) as pool:
        return pool.apply(ask, (path,))


def ask(path: Path) -> bool:
    return WriterDirectory(path).is_alive()


def take_elsewhere(path: Path) -> str:
    with SPAWN.Pool(1) as pool:
        return pool.apply(try_to_take, (path,))


def try_to_take(path: Path) -> str:
    try:
        with WriterDirectory(path).lock_draining():
            return "taken"
    except SpoolBusy as error:
        return str(error)


def test_writers_are_found_in_order_and_everything_else_is_passed_over(make_writer: MakeWriter, tmp_path: Path) -> None:
    root = tmp_path / "spool"
    paths = sorted(make_writer().directory.path for _ in range(3))
    run = paths[0].parent
    (run / new_writer()).mkdir()  # half created: its writer.json is still to come
    (run / "notes").mkdir()
    (run / "f").touch()
    (root / "site.tar").touch()
    (root / "empty").mkdir()
    (root / "link").symlink_to(run.parent)
    alien = root / "not a token" / "run" / new_writer()
    alien.mkdir(parents=True)
    (alien / "writer.json").touch()
    assert [found.path for found in discover(root)] == paths
    assert discover(root)[0].identity.site == "hospital a"
    (paths[0] / "writer.json").unlink()  # a power cut took it; the segments are there
    assert [found.path for found in discover(root)] == paths
    assert discover(root)[0].identity.writer == paths[0].name
    assert discover(tmp_path / "missing") == []
    assert discover(root / "site.tar") == []


def test_a_directory_that_vanished_is_dead_and_at_its_end(tmp_path: Path) -> None:
    directory = WriterDirectory(tmp_path / "gone")
    assert not directory.is_alive()
    assert not directory.ended
    assert not directory.expired
    reader = SpoolReader(directory)
    assert reader.read(10) == []
    assert reader.at_end
    with pytest.raises(SpoolBusy, match="removed"), directory.lock_draining():
        pass


def test_asking_never_drops_the_lock(make_writer: MakeWriter) -> None:
    writer = make_writer()
    path = writer.directory.path
    for _ in range(3):
        assert WriterDirectory(path).is_alive()
        assert lock.is_held(path / ".." / path.name / "alive.lock")
    assert is_alive_elsewhere(path)
    writer.finish()
    assert not WriterDirectory(path).is_alive()
    assert not is_alive_elsewhere(path)


def test_one_publisher_a_writer(make_writer: MakeWriter) -> None:
    directory = make_writer().directory
    with directory.lock_draining():
        with pytest.raises(SpoolBusy, match="another publisher"), WriterDirectory(directory.path).lock_draining():
            pass
        assert "another publisher" in take_elsewhere(directory.path)
    assert take_elsewhere(directory.path) == "taken"
    with directory.lock_draining():
        pass


def test_of_many_threads_one_drains_at_a_time(make_writer: MakeWriter) -> None:
    directory = make_writer().directory
    inside = 0
    most: list[int] = []
    stop = time.monotonic() + 0.3

    def work() -> None:
        nonlocal inside
        while time.monotonic() < stop:
            try:
                with WriterDirectory(directory.path).lock_draining():
                    inside += 1
                    most.append(inside)
                    inside -= 1
            except SpoolBusy:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1}


def test_a_directory_is_removed_only_when_dead_drained_and_old(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer()
    directory = writer.directory
    writer.append_scalar("a", 1.0, 1.0, 0)

    def refused() -> bool:
        with pytest.raises(SpoolKept), directory.lock_draining():
            directory.remove()
        return directory.path.exists()

    reader = SpoolReader(directory)
    items = read_all(reader)
    reader.save()
    assert refused()
    writer.finish()
    assert read_all(reader) == []
    reader.save()
    assert refused()  # not acknowledged
    acknowledge(reader, items)
    reader.save()
    assert refused()  # not old
    monkeypatch.setattr(directory_module, "HORIZON_SECONDS", 0.0)
    assert directory.expired
    with directory.lock_draining():
        directory.remove()
        assert take_elsewhere(directory.path).endswith("has been removed")
    assert not directory.path.parent.parent.exists()  # the empty ones above are gone too


def test_a_removal_that_was_killed_is_completed_by_the_next(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "HORIZON_SECONDS", 0.0)
    writer = make_writer()
    run = writer.directory.path.parent
    (run / ".removed-0123").mkdir()
    (run / ".removed-0123" / "cursor").touch()
    writer.finish()
    reader = SpoolReader(writer.directory)
    read_all(reader)
    reader.save()
    with writer.directory.lock_draining():
        writer.directory.remove()
    assert not run.exists()


def test_rewinding_takes_back_that_it_was_drained(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "HORIZON_SECONDS", 0.0)
    writer = make_writer()
    writer.append_scalar("a", 1.0, 1.0, 0)
    writer.finish()
    reader = SpoolReader(writer.directory)
    acknowledge(reader, read_all(reader))
    reader.save()
    assert writer.directory.expired
    reader.rewind()
    reader.save()
    assert not writer.directory.expired


def test_a_directory_is_made_although_the_empty_ones_above_are_being_removed(tmp_path: Path) -> None:
    stop = threading.Event()
    who = identity()
    run = who.place(tmp_path).parent

    def remove() -> None:
        while not stop.is_set():
            for path in (run, run.parent):
                with contextlib.suppress(OSError):
                    path.rmdir()

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        made = [directory_module.WriterDirectory.create(tmp_path, identity()) for _ in range(20)]
    finally:
        stop.set()
        thread.join()
    for directory in made:
        assert directory.is_alive()
        directory.release_alive()


def test_a_forked_child_does_not_take_its_parents_locks_for_its_own(make_writer: MakeWriter) -> None:
    directory = make_writer().directory
    asked, ask_again = os.pipe(), os.pipe()
    with directory.lock_draining():
        child = os.fork()
        if not child:
            code = 1
            try:
                busy = try_to_take(directory.path) != "taken"
                os.write(asked[1], b"1")
                os.read(ask_again[0], 1)
                code = 0 if busy and try_to_take(directory.path) == "taken" else 2
            finally:
                os._exit(code)
        os.read(asked[0], 1)
    os.write(ask_again[1], b"1")
    for end in (*asked, *ask_again):
        os.close(end)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert directory.is_alive()


def test_a_child_forked_while_a_thread_reads_who_writes_can_read_it_too(make_writer: MakeWriter) -> None:
    path = make_writer().directory.path
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            assert WriterDirectory(path).identity.writer

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for _ in range(40):
            child = multiprocessing.get_context("fork").Process(target=lambda: WriterDirectory(path).identity)
            child.start()
            child.join(20)
            hangs = child.is_alive()
            child.kill()
            child.join()
            assert not hangs
    finally:
        over.set()
        for reader in readers:
            reader.join()
