"""Records of event files: what is written is read, and nothing behind a tear or a flipped bit."""

from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboardX.record_writer import RecordWriter

from sitewire.workers.sinks.tensorboard.framing import framed, read_frames

RECORDS = st.lists(st.binary(max_size=700), max_size=8)


@given(RECORDS)
def test_what_is_framed_is_read(records: list[bytes]) -> None:
    assert list(read_frames(io.BytesIO(b"".join(map(framed, records))))) == records


@given(RECORDS, st.data())
def test_reading_stops_at_a_tear(records: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(map(framed, records))
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(len(framed(item)) for item in records[: n + 1]) for n in range(len(records))]
    assert list(read_frames(io.BytesIO(whole[:cut]))) == records[: sum(end <= cut for end in ends)]


@given(RECORDS.filter(bool), st.data())
def test_reading_stops_at_a_flipped_bit(records: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(b"".join(map(framed, records)))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    ends = [sum(len(framed(item)) for item in records[: n + 1]) for n in range(len(records))]
    assert list(read_frames(io.BytesIO(bytes(whole)))) == records[: sum(end <= bit // 8 for end in ends)]


def test_a_length_without_its_checksum_claims_no_memory() -> None:
    assert list(read_frames(io.BytesIO(b"\xff" * 7 + b"\x7f" + b"\0" * 100))) == []


def test_the_bytes_are_those_of_other_writers_and_readers(tmp_path: Path) -> None:
    records = [b"", b"a", b"b" * 511, b"c" * 512, b"d" * 100_000]
    writer = RecordWriter(str(tmp_path / "theirs"))
    for item in records:
        writer.write(item)
    writer.close()
    ours = tmp_path / "ours"
    ours.write_bytes(b"".join(map(framed, records)))
    assert ours.read_bytes() == (tmp_path / "theirs").read_bytes()
    assert list(RawEventFileLoader(str(ours)).Load()) == records
