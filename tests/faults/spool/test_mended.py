"""Troubles that the campaigns of this folder have found, each by itself: what was wrong once stays right."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from sitewire.collectors.errors import SpoolUnavailable
from sitewire.collectors.spool import lock, segment, storage
from sitewire.collectors.spool.directory import discover
from sitewire.collectors.spool.reader import SpoolReader
from sitewire.collectors.spool.writer import SpoolWriter
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record
from support.spooled import SCALARS, MakeWriter, ends, holes, read_all, steps
from support.trouble.damage import flipped

TEXT = Record(Kind.TEXT, "t", "x" * 200_000, 1.0)


def broken(*_args: object, **_more: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def await_ready(writer: SpoolWriter) -> None:
    """Wait until the next segment is there."""
    deadline = time.monotonic() + 10
    while writer._keeper.ready is None:
        assert time.monotonic() < deadline, "it never recovers"
        time.sleep(0.001)


def roll(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    """Log through three segments while a function that the keeper calls fails; then without trouble."""
    writer = make_writer(limit_bytes=2 << 20)
    with monkeypatch.context() as patch:
        patch.setattr(segment, function, broken)
        for _ in range(6):
            writer.append(TEXT)
    deadline = time.monotonic() + 10
    while not writer.append(TEXT):
        assert time.monotonic() < deadline, "it never recovers"
        time.sleep(0.05)
    assert all(writer.append(TEXT) for _ in range(10))


@pytest.mark.parametrize("function", ["numbers", "prepare"])
def test_a_keeper_that_met_an_error_goes_on_when_the_disk_does(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    roll(make_writer, monkeypatch, function)


def test_a_segment_that_could_be_neither_made_nor_unmade_is_passed_over(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        writer = make_writer(mapped=True, limit_bytes=2 << 20)
        path = segment.path_of(writer.directory.path, 2)
        await_ready(writer)
        patch.setattr(os, "posix_fallocate", broken)
        patch.setattr(Path, "unlink", broken)
        while not path.exists():
            writer.append(TEXT)
    await_ready(writer)
    assert all(writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(900))
    items = read_all(SpoolReader(writer.directory))
    assert [step for step in steps(items) if step in range(900)] == list(range(900))


def test_the_segment_that_is_written_is_never_deleted_for_one_that_was_left_behind(make_writer: MakeWriter) -> None:
    writer = make_writer(limit_bytes=2 << 20)
    leftover = segment.path_of(writer.directory.path, 7)
    leftover.write_bytes(bytes((2 << 20) - (1 << 18)))  # no room for another one beside it
    assert all(writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(300))
    for step in range(300, 2000):
        writer.append_scalar("x" * 900, 1.0, 1.0, step)
    assert segment.path_of(writer.directory.path, writer._segment.number).exists()


def test_an_end_is_quiet_though_the_directory_does_not_answer(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer()
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    with monkeypatch.context() as patch:
        patch.setattr(lock, "_inode", broken)
        writer.finish()
    assert not writer.directory.is_alive()


def test_a_writer_that_was_moved_away_lets_go_of_its_lock(make_writer: MakeWriter, tmp_path: Path) -> None:
    writer = make_writer()
    before = descriptors()
    moved = writer.directory.path.rename(tmp_path / "moved")
    assert lock.is_held(moved / "alive.lock")
    writer.finish()
    assert not lock.is_held(moved / "alive.lock")
    assert descriptors() < before


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
@pytest.mark.parametrize("number", range(3))
def test_a_writer_that_cannot_begin_leaves_no_descriptor_open(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mapped: bool, number: int
) -> None:
    made = iter(range(10))
    real = storage.create

    def create(path: Path, size: int, *, mapped: bool) -> object:
        if next(made) == number:
            broken()
        return real(path, size, mapped=mapped)

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "create", create)
        if number == 2:
            patch.setattr(segment.Segment, "begin", broken)
        with pytest.raises(SpoolUnavailable, match="Input/output error"):
            make_writer(mapped=mapped)
    assert descriptors() == before
    assert discover(tmp_path / "spool") == []


def test_what_a_page_would_say_is_not_nothing_when_the_disk_gives_an_error(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer()
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    assert not writer.append_scalar("\ud800", 1.0, 1.7e9, 1)
    writer.finish()
    reader = SpoolReader(writer.directory)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", broken)
        with pytest.raises(OSError, match="Input/output error"):
            read_all(reader)
    again = SpoolReader(writer.directory)
    assert ends(read_all(again)) == {SCALARS: 2}
    assert again.at_end


def test_a_bit_that_flips_in_a_segment_to_come_does_not_lead_a_reader_away_too_early(make_writer: MakeWriter) -> None:
    writer = make_writer()
    reader = SpoolReader(writer.directory)
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    ready = segment.path_of(writer.directory.path, 1)
    await_ready(writer)
    for position in range(0, 146, 5):
        with flipped(ready, position, position % 8):
            items = read_all(reader)
            assert writer.append_scalar("loss", 1.0, 1.7e9, position + 1)
            items += read_all(reader)
        assert steps(items)[-1:] == [position + 1], position
        assert not holes(items)


def test_one_flipped_byte_does_not_take_back_that_a_killed_writers_last_call_was_dropped(
    make_writer: MakeWriter,
) -> None:
    writer = make_writer()
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    assert not writer.append_scalar("\ud800", 1.0, 1.7e9, 1)
    for position in (20, 2048 + 20):
        with flipped(writer.directory.state_path, position, 0):
            assert holes(read_all(SpoolReader(writer.directory))) == [(HoleName.DROPPED, 1, 1)]
