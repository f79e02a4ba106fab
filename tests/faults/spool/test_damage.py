"""Bytes that are flipped, cut off or zeroed: a reader always starts, and counts exactly."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from sitewire.collectors.spool import frame, segment
from sitewire.collectors.spool.directory import WriterDirectory
from sitewire.collectors.spool.reader import SpoolReader, Stored
from sitewire.collectors.spool.segment import HEADER_BYTES
from sitewire.collectors.spool.slots import PAGE_BYTES
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from support.spooled import SCALARS, MakeWriter, acknowledge, ends, holes, read_all, steps

COUNT = 12


def killed(writer_path: Path, to: Path) -> WriterDirectory:
    """The directory as a kill at this moment would leave it."""
    shutil.copytree(writer_path, to / writer_path.name)
    return WriterDirectory(to / writer_path.name)


def log(make_writer: MakeWriter, count: int = COUNT, mapped: bool | None = None) -> WriterDirectory:
    writer = make_writer(mapped=mapped)
    for step in range(count):
        assert writer.append_scalar("loss", 1.0, 1.7e9, step)
    return writer.directory


def boundaries(directory: WriterDirectory, number: int = 0) -> list[int]:
    """Where the frames of a segment begin, and where the last one ends."""
    data = segment.path_of(directory.path, number).read_bytes()
    found = [HEADER_BYTES]
    while (one := frame.check(data, found[-1], frame.salts(directory.path.name, number))) is not None:
        found.append(one.end)
    return found


def test_every_flipped_byte_costs_its_own_record_and_no_other(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(COUNT):
        assert writer.append_scalar("loss", 1.0, 1.7e9, step)
    writer.finish()
    edges = boundaries(writer.directory)
    assert len(edges) == COUNT + 1
    fd = os.open(segment.path_of(writer.directory.path, 0), os.O_RDWR)
    for position in range(edges[-1] + 40):
        was = os.pread(fd, 1, position)
        os.pwrite(fd, bytes([was[0] ^ (1 << position % 8)]), position)
        reader = SpoolReader(writer.directory)
        items = read_all(reader)
        hit = [nth for nth in range(COUNT) if edges[nth] <= position < edges[nth + 1]]
        assert holes(items) == [(HoleName.DAMAGED, nth, 1) for nth in hit], position
        assert steps(items) == [step for step in range(COUNT) if step not in hit]
        assert ends(items) == {SCALARS: COUNT}
        assert reader.at_end
        reader.close()
        os.pwrite(fd, was, position)
    os.close(fd)


@pytest.mark.parametrize("name", ["state", "cursor", "writer.json"])
def test_a_flipped_byte_beside_the_segments_costs_no_record(make_writer: MakeWriter, name: str) -> None:
    writer = make_writer()
    for step in range(COUNT):
        writer.append_scalar("loss", 1.0, 1.7e9, step)
    writer.append_scalar("\ud800", 1.0, 1.7e9, COUNT)
    writer.finish()
    reader = SpoolReader(writer.directory)
    acknowledge(reader, read_all(reader)[:5])
    reader.save()
    path = writer.directory.path / name
    good = path.read_bytes()
    for position in range(len(good)) if len(good) < PAGE_BYTES else (*range(180), *range(2048, 2228)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        directory = WriterDirectory(writer.directory.path)
        assert directory.identity.site == "hospital a"
        assert directory.ended
        reader = SpoolReader(directory)
        items = read_all(reader)
        reader.close()
        start = items[0].index if isinstance(items[0], Stored) else -1
        assert start in {0, 5}
        assert ends(items, start) == {SCALARS: COUNT + 1}
        assert holes(items) == [(HoleName.DROPPED, COUNT, 1)]


@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])
def test_a_dead_writers_torn_tail_is_no_hole(make_writer: MakeWriter, tmp_path: Path, mapped: bool) -> None:
    directory = log(make_writer, mapped=mapped)
    edges = boundaries(directory)
    for cut in range(edges[-4], edges[-1] + 1):
        copy = killed(directory.path, tmp_path / "copies")
        (copy.path / "state").unlink()  # as if the last half second had not been counted yet
        os.truncate(segment.path_of(copy.path, 0), cut)
        reader = SpoolReader(copy)
        whole = max(nth for nth in range(COUNT + 1) if edges[nth] <= cut)
        items = read_all(reader)
        assert steps(items) == list(range(whole))
        assert not holes(items)
        assert reader.at_end
        reader.close()
        shutil.rmtree(copy.path)


def test_what_a_writer_had_counted_and_a_disk_lost_is_a_hole(make_writer: MakeWriter, tmp_path: Path) -> None:
    writer = make_writer()
    for step in range(COUNT):
        writer.append_scalar("loss", 1.0, 1.7e9, step)
    writer.finish()
    edges = boundaries(writer.directory)
    for cut in [*range(edges[-3], edges[-1]), HEADER_BYTES, 100, 1, 0]:
        copy = killed(writer.directory.path, tmp_path / "copies")
        os.truncate(segment.path_of(copy.path, 0), cut)
        items = read_all(SpoolReader(copy))
        assert ends(items) == {SCALARS: COUNT}
        assert steps(items) == list(range(sum(edge <= cut for edge in edges[1:])))
        shutil.rmtree(copy.path)


def test_a_page_that_a_power_cut_lost_is_a_hole_and_the_rest_is_read(make_writer: MakeWriter, tmp_path: Path) -> None:
    directory = log(make_writer, 1000)
    copy = killed(directory.path, tmp_path)
    with segment.path_of(copy.path, 0).open("r+b") as file:
        file.seek(8192)
        file.write(bytes(4096))
    items = read_all(SpoolReader(copy))
    assert ends(items) == {SCALARS: 1000}
    assert [hole.name for hole in holes(items)] == [HoleName.DAMAGED]


def test_a_lost_segment_is_a_hole(make_writer: MakeWriter) -> None:
    directory = log(make_writer, 100_000)
    segment.path_of(directory.path, 1).unlink()
    reader = SpoolReader(directory)
    items = read_all(reader)
    reader.close()
    assert ends(items) == {SCALARS: 100_000}
    assert [hole.name for hole in holes(items)] == [HoleName.DROPPED]


def test_damage_in_a_live_writer_is_passed_once_something_stands_behind_it(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(COUNT):
        writer.append_scalar("loss", 1.0, 1.7e9, step)
    edges = boundaries(writer.directory)
    with segment.path_of(writer.directory.path, 0).open("r+b") as file:
        file.seek(edges[-2] + 4)
        file.write(b"\xff\xff")
    reader = SpoolReader(writer.directory)
    assert steps(read_all(reader)) == list(range(COUNT - 1))  # the last one is "not yet"
    assert not read_all(reader)
    assert not reader.at_end
    writer.append_scalar("loss", 1.0, 1.7e9, COUNT)
    items = read_all(reader)
    assert holes(items) == [(HoleName.DAMAGED, COUNT - 1, 1)]
    assert steps(items) == [COUNT]


def test_a_segment_of_noise_is_a_hole(make_writer: MakeWriter) -> None:
    directory = log(make_writer, 100_000)
    path = segment.path_of(directory.path, 1)
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))
    reader = SpoolReader(directory)
    items = read_all(reader)
    reader.close()
    assert ends(items) == {SCALARS: 100_000}
    assert [hole.name for hole in holes(items)] == [HoleName.DAMAGED]


def test_a_frame_in_a_text_is_no_record(make_writer: MakeWriter) -> None:
    writer = make_writer()
    inner = frame.encode(b"forged", 0, 0, frame.salts("0" * 32, 0)).decode("latin-1")
    writer.append(Record(Kind.TEXT, "t", inner, 1.0))
    writer.append_scalar("loss", 1.0, 1.0, 7)
    writer.finish()
    with segment.path_of(writer.directory.path, 0).open("r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"\0")
    items = read_all(SpoolReader(writer.directory))
    assert steps(items) == [7]
    assert [hole.name for hole in holes(items)] == [HoleName.DAMAGED]


def test_a_killed_writers_last_records_are_missed_once_it_had_counted_them(
    make_writer: MakeWriter, tmp_path: Path
) -> None:
    directory = log(make_writer)
    deadline = time.monotonic() + 10
    while directory.state().assigned[0] < COUNT:  # the keeper says so twice a second
        assert time.monotonic() < deadline
        time.sleep(0.01)
    edges = boundaries(directory)
    copy = killed(directory.path, tmp_path)
    os.truncate(segment.path_of(copy.path, 0), edges[-1] - 3)
    reader = SpoolReader(copy)
    assert holes(read_all(reader)) == [(HoleName.DAMAGED, COUNT - 1, 1)]
    assert reader.at_end


def test_what_was_dropped_after_damage_in_an_older_segment_is_called_dropped(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(30_000):
        writer.append_scalar("loss", 1.0, 1.7e9, step)
    edges = boundaries(writer.directory)
    with segment.path_of(writer.directory.path, 0).open("r+b") as file:
        file.seek(edges[-2] + 4)
        file.write(b"\xff\xff")
    assert not writer.append(Record(Kind.TEXT, "\ud800", "", 1.0))
    assert writer.append(Record(Kind.TEXT, "t", "", 1.0))
    items = read_all(SpoolReader(writer.directory))
    assert holes(items) == [(HoleName.DAMAGED, len(edges) - 2, 1), (HoleName.DROPPED, 0, 1)]
    assert ends(items) == {SCALARS: 30_000, RecordClass.MEDIA: 2}


@pytest.mark.parametrize("fill", [b"\0", b"\xaa"], ids=["zeros", "noise"])
def test_a_large_record_damaged_in_a_live_writer_takes_none_behind_it_along(
    make_writer: MakeWriter, fill: bytes
) -> None:
    writer = make_writer()
    assert writer.append_scalar("loss", 1.0, 1.7e9, 0)
    assert writer.append(Record(Kind.TEXT, "t", "x" * 150_000, 1.0))
    assert writer.append_scalar("loss", 1.0, 1.7e9, 1)
    edges = boundaries(writer.directory)
    with segment.path_of(writer.directory.path, 0).open("r+b") as file:
        file.seek(edges[1])
        file.write(fill * (edges[2] - edges[1]))
    reader = SpoolReader(writer.directory)
    items = read_all(reader)  # zeros: as if nothing had been written yet, until the writer says that there was
    assert not writer.append_scalar("\ud800", 1.0, 1.7e9, 2)
    items += read_all(reader)
    assert writer.append(Record(Kind.TAG, "t", "", 1.0))
    assert writer.append(Record(Kind.TEXT, "t", "", 1.0))
    items += read_all(reader)
    assert sorted(holes(items)) == [(HoleName.DAMAGED, 0, 1), (HoleName.DROPPED, 2, 1)]
    assert ends(items) == {SCALARS: 3, RecordClass.MEDIA: 2, RecordClass.RUN: 1}


def test_behind_a_large_damaged_record_a_live_writer_is_followed(make_writer: MakeWriter) -> None:
    writer = make_writer()
    assert writer.append(Record(Kind.TEXT, "t", "x" * 150_000, 1.0))
    assert writer.append_scalar("loss", 1.0, 1.7e9, 1)
    with segment.path_of(writer.directory.path, 0).open("r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"\xaa" * 1000)
    assert steps(SpoolReader(writer.directory).read(10))[:1] == [1]
