from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import msgpack
import pytest

from sitewire.collectors.spool import retention, segment
from sitewire.collectors.spool.policy import Policy
from sitewire.collectors.spool.reader import Item, SpoolReader, Stored
from sitewire.schemas import limits
from sitewire.schemas.codec import pack_record
from sitewire.schemas.hole import HoleName
from sitewire.schemas.record import Kind, Record, RecordClass
from support.spooled import SCALARS, MakeWriter, acknowledge, ends, holes, read_all, steps

both = pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "written"])


@both
def test_records_come_back_in_order_with_the_bytes_of_the_codec(make_writer: MakeWriter, mapped: bool) -> None:
    writer = make_writer(mapped=mapped)
    records = [
        Record(Kind.RUN_START, "run", {"a": 1}, 1.5),
        Record(Kind.SCALAR, "loss", math.inf, 2.5, None),
        Record(Kind.SCALAR, "ü" * 400, -0.5, 2.5, limits.MIN_STEP),
        Record(Kind.SCALAR, "loss", 0.25, 3.5, limits.MAX_STEP, 1, 2, "train", "sub"),
        Record(Kind.TEXT, "note", "x" * 200_000, 4.5, 3),
        Record(Kind.SCALAR, "loss", 1.0, 5.5, 4),
    ]
    for record in records:
        if isinstance(record.value, float) and record.context is None:
            assert writer.append_scalar(record.name, record.value, record.time, record.step)
        else:
            assert writer.append(record)
    reader = SpoolReader(writer.directory)
    items = read_all(reader, 2)
    assert [item.packed for item in items if isinstance(item, Stored)] == [pack_record(record) for record in records]
    assert ends(items) == writer.assigned() == reader.assigned == {RecordClass.RUN: 1, SCALARS: 4, RecordClass.MEDIA: 1}
    before = reader.at_end
    writer.finish()
    assert reader.read(1) == []
    assert (before, reader.at_end) == (False, True)
    reader.close()


@both
def test_a_reader_follows_a_writer_through_many_segments(make_writer: MakeWriter, mapped: bool) -> None:
    writer = make_writer(mapped=mapped)
    reader = SpoolReader(writer.directory)
    items: list[Item] = []
    for step in range(60_000):
        assert writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
        if step % 1000 == 0:
            items += reader.read(700)
    writer.finish()
    items += read_all(reader)
    assert steps(items) == list(range(60_000))
    assert len(segment.numbers(writer.directory.path)) > 3
    reader.close()


def test_what_no_record_can_hold_is_dropped_into_a_hole(make_writer: MakeWriter) -> None:
    writer = make_writer()
    assert writer.append_scalar("a", 1.0, 1.0, 0)
    assert not writer.append_scalar("a", 1.0, 1.0, 2**70)
    assert not writer.append_scalar("\ud800", 1.0, 1.0, 1)
    assert not writer.append(Record(Kind.TEXT, "t", "x" * limits.MAX_RECORD_BYTES, 1.0))
    assert writer.append_scalar("a", 1.0, 1.0, 3)
    items = read_all(SpoolReader(writer.directory))
    assert holes(items) == [(HoleName.DROPPED, 1, 2), (HoleName.DROPPED, 0, 1)]
    assert steps(items) == [0, 3]
    assert ends(items) == {SCALARS: 4, RecordClass.MEDIA: 1}


def test_drops_at_the_end_are_seen_while_the_writer_lives(make_writer: MakeWriter) -> None:
    writer = make_writer()
    reader = SpoolReader(writer.directory)
    writer.append_scalar("a", 1.0, 1.0, 0)
    assert steps(read_all(reader)) == [0]
    writer.append_scalar("\ud800", 1.0, 1.0, 1)
    assert holes(read_all(reader)) == [(HoleName.DROPPED, 1, 1)]
    assert read_all(reader) == []
    writer.append_scalar("a", 1.0, 1.0, 2)
    assert steps(read_all(reader)) == [2]


def test_nothing_gets_an_index_after_the_end(make_writer: MakeWriter) -> None:
    writer = make_writer()
    writer.append_scalar("a", 1.0, 1.0, 0)
    writer.finish()
    writer.finish()
    assert not writer.append_scalar("a", 1.0, 1.0, 1)
    assert writer.assigned() == {SCALARS: 1}
    assert writer.directory.ended
    assert not writer.directory.is_alive()


def test_a_reader_that_is_opened_again_goes_on_behind_what_was_acknowledged(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(50_000):
        writer.append_scalar("train/loss", 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    read_all(reader)
    reader.acknowledge(SCALARS, 41_234)
    reader.cursor.account_sequence, reader.cursor.account_stream_id = 7, 2**63 + 1
    reader.save()
    reader.close()
    again = SpoolReader(writer.directory)
    assert again.published == {SCALARS: 41_234}
    assert (again.cursor.account_sequence, again.cursor.account_stream_id) == (7, 2**63 + 1)
    assert steps(read_all(again)) == list(range(41_234, 50_000))


def test_a_lost_cursor_only_means_that_all_is_read_again(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(10):
        writer.append_scalar("a", 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    acknowledge(reader, read_all(reader))
    reader.save()
    (writer.directory.path / "cursor").unlink()
    again = SpoolReader(writer.directory)
    assert steps(read_all(again)) == list(range(10))
    acknowledge(again, read_all(again))
    again.save()


def fill(make_writer: MakeWriter, policy: Policy, mapped: bool, until: int) -> tuple[SpoolReader, int, int]:
    """Log until well beyond a limit of 2 MiB; return a reader, and how many were accepted and assigned."""
    writer = make_writer(limit_bytes=2 << 20, policy=policy, mapped=mapped)
    accepted = sum([writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(until)])
    held = sum(path.stat().st_size for path in writer.directory.path.glob("*.seg"))
    assert held <= 2 << 20
    writer.finish()
    return SpoolReader(writer.directory), accepted, writer.assigned()[SCALARS]


@both
def test_drop_oldest_keeps_the_newest(make_writer: MakeWriter, mapped: bool) -> None:
    reader, accepted, assigned = fill(make_writer, "drop_oldest", mapped, 6000)
    items = read_all(reader)
    assert accepted == assigned == 6000
    assert ends(items) == {SCALARS: 6000}
    hole = holes(items)[0]
    assert (hole.name, hole.first, len(holes(items))) == (HoleName.DROPPED, 0, 1)
    assert steps(items) == list(range(hole.end, 6000))
    assert len(steps(items)) > 1000


@both
def test_drop_newest_keeps_the_oldest(make_writer: MakeWriter, mapped: bool) -> None:
    reader, accepted, assigned = fill(make_writer, "drop_newest", mapped, 6000)
    items = read_all(reader)
    assert assigned == 6000
    assert 1000 < accepted < 6000
    assert steps(items) == list(range(accepted))
    assert holes(items) == [(HoleName.DROPPED, accepted, 6000 - accepted)]


@both
def test_block_waits_a_little_and_then_drops(make_writer: MakeWriter, mapped: bool) -> None:
    writer = make_writer(limit_bytes=2 << 20, policy="block", mapped=mapped)
    step = 0
    while writer.append_scalar("x" * 900, 1.0, 1.0, step):
        step += 1
    begun = time.monotonic()
    assert not writer.append_scalar("x" * 900, 1.0, 1.0, step)
    assert 0.04 < time.monotonic() - begun < 1
    reader = SpoolReader(writer.directory)
    items = read_all(reader)
    assert holes(items) == [(HoleName.DROPPED, step, 2)]
    acknowledge(reader, items)
    reader.save()
    assert writer.append_scalar("x" * 900, 1.0, 1.0, step + 2)  # acknowledged room, within the wait
    assert steps(read_all(reader)) == [step + 2]


def test_acknowledged_segments_go_before_anything_is_dropped(make_writer: MakeWriter) -> None:
    writer = make_writer(limit_bytes=2 << 20, policy="drop_newest")
    reader = SpoolReader(writer.directory)
    for step in range(10_000):
        assert writer.append_scalar("x" * 900, 1.0, 1.0, step)
        if step % 100 == 0:
            acknowledge(reader, read_all(reader))
            reader.save()
    assert reader.published[SCALARS] > 9_900
    assert 0 < reader.held[SCALARS] < reader.published[SCALARS]


def test_a_reader_whose_segment_vanishes_goes_on_with_the_next(make_writer: MakeWriter) -> None:
    writer = make_writer(limit_bytes=2 << 20, policy="drop_oldest")
    reader = SpoolReader(writer.directory)
    for step in range(100):
        writer.append_scalar("x" * 900, 1.0, 1.0, step)
    items = reader.read(50)
    for step in range(100, 6000):
        writer.append_scalar("x" * 900, 1.0, 1.0, step)
    writer.finish()
    items += read_all(reader)
    assert ends(items) == {SCALARS: 6000}
    assert len(holes(items)) == 1
    assert holes(items)[0].first > 100  # the one that was open could be read to its end


def test_retained_segments_refill_a_broker(make_writer: MakeWriter) -> None:
    writer = make_writer()
    for step in range(60_000):
        writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    before = segment.numbers(writer.directory.path)
    acknowledge(reader, read_all(reader))
    reader.save()
    assert set(before) <= set(segment.numbers(writer.directory.path))  # the keeper may have prepared one more
    assert reader.published == {SCALARS: 60_000}
    reader.rewind()
    assert reader.published == reader.held == {SCALARS: 0}
    assert reader.assigned == {SCALARS: 60_000}
    items = read_all(reader)
    assert steps(items) == list(range(60_000))
    reader.close()


def test_what_was_dropped_before_it_was_sent_is_a_hole_after_a_rewind_too(make_writer: MakeWriter) -> None:
    writer = make_writer(limit_bytes=0)
    for step in range(60_000):
        writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
    writer.finish()
    reader = SpoolReader(writer.directory)
    assert reader.held[SCALARS] > 0, "nothing was dropped"
    reader.rewind()
    assert reader.published == {SCALARS: 0}
    items = read_all(reader)
    assert holes(items)[0].first == 0
    assert ends(items) == {SCALARS: 60_000}
    reader.close()


@pytest.mark.parametrize(("constant", "value"), [("HORIZON_SECONDS", -1.0), ("RETAINED_BYTES", 4 << 20)])
def test_acknowledged_segments_go_in_the_end(
    make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch, constant: str, value: float
) -> None:
    writer = make_writer()
    for step in range(60_000):
        writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    acknowledge(reader, read_all(reader))
    monkeypatch.setattr(retention, constant, value)
    reader.save()
    held = reader.held[SCALARS]
    assert 0 < held < 60_000
    reader.rewind()
    items = read_all(reader)
    assert steps(items) == list(range(held, 60_000))
    assert not holes(items)
    reader.close()


def test_unacknowledged_segments_stay(make_writer: MakeWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "HORIZON_SECONDS", -1.0)
    writer = make_writer()
    for step in range(30_000):
        writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    read_all(reader)
    reader.acknowledge(SCALARS, 10)
    reader.save()
    assert reader.held == {SCALARS: 0}


def test_eight_threads_share_a_writer(make_writer: MakeWriter) -> None:
    writer = make_writer()
    reader = SpoolReader(writer.directory)

    def work(thread: int) -> None:
        for step in range(5000):
            assert writer.append_scalar(f"thread/{thread}", 1.0, 1.0, step)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    items = []
    while any(thread.is_alive() for thread in threads):
        items += read_all(reader)
    items += read_all(reader)
    assert ends(items) == {SCALARS: 40_000}
    assert not holes(items)
    seen: dict[str, int] = {}
    for item in items:
        assert isinstance(item, Stored)
        _, name, _, _, step = msgpack.unpackb(item.packed)
        assert step == seen.get(name, -1) + 1
        seen[name] = step


def test_a_writer_that_rolls_faster_than_its_keeper_waits_for_it(make_writer: MakeWriter) -> None:
    writer = make_writer()
    text = Record(Kind.TEXT, "t", "x" * 250_000, 1.0)
    assert all(writer.append(text) for _ in range(200))
    writer.finish()
    assert ends(read_all(SpoolReader(writer.directory))) == {RecordClass.MEDIA: 200}


def test_a_spool_below_a_file_is_refused_with_what_to_do(make_writer: MakeWriter, tmp_path: Path) -> None:
    from sitewire.collectors.errors import SpoolUnavailable

    (tmp_path / "file").touch()
    with pytest.raises(SpoolUnavailable, match=r"file.*Not a directory.*SITEWIRE_SPOOL"):
        make_writer(root=tmp_path / "file" / "spool")


def test_the_spool_vanishes_and_nothing_is_raised(make_writer: MakeWriter, tmp_path: Path) -> None:
    writer = make_writer(limit_bytes=2 << 20)
    reader = SpoolReader(writer.directory)
    writer.directory.path.rename(tmp_path / "elsewhere")
    accepted = [writer.append_scalar("x" * 900, 1.0, 1.0, step) for step in range(3000)]
    assert accepted[0]
    assert not accepted[-1]
    assert reader.read(10) == []
    assert reader.at_end
    reader.save()  # logs that it cannot
    writer.finish()


def test_no_descriptor_is_left_open(make_writer: MakeWriter) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    writer = make_writer()
    for step in range(60_000):
        writer.append_scalar("train/loss" * 10, 0.5, 1.7e9, step)
    reader = SpoolReader(writer.directory)
    read_all(reader)
    reader.close()
    writer.finish()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
