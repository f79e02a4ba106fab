"""Records out of a ``.wandb`` file that is growing, torn or damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sitewire.workers.sinks.wandb import framing
from sitewire.workers.sinks.wandb.framing import LogReader
from support.wandb.files import framed
from support.wandb.framing import BLOCK

Factory = pytest.TempPathFactory
RECORDS = st.lists(st.binary(max_size=40) | st.integers(0, 3 * BLOCK).map(bytes), max_size=12)


@given(records=RECORDS, cuts=st.lists(st.floats(0, 1), max_size=4))
@example(records=[bytes(BLOCK - 7 - 7 - 3), b"behind a block's padding"], cuts=[0.999])
def test_whoever_reads_while_it_grows_gets_every_record_once(
    tmp_path_factory: Factory, records: list[bytes], cuts: list[float]
) -> None:
    data = framed(records)
    log = LogReader(_file(tmp_path_factory))
    found = []
    for end in sorted(int(cut * len(data)) for cut in cuts):
        log.path.write_bytes(data[:end])
        found += log.new()
        assert found == records[: len(found)]
        assert not log.damaged
    log.path.write_bytes(data)
    assert found + log.new() == records
    assert log.new() == []


@pytest.mark.parametrize("piece", [1, 100, BLOCK, 3 * BLOCK])
@given(records=RECORDS)
def test_a_file_that_is_read_in_pieces_has_the_same_records(
    tmp_path_factory: Factory, records: list[bytes], piece: int
) -> None:
    log = LogReader(_file(tmp_path_factory))
    log.path.write_bytes(framed(records))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "PIECE_BYTES", piece)
        assert list(log.each()) == records
    assert (log.size, log.damaged) == (log.path.stat().st_size if records else 7, False)


@given(records=RECORDS.filter(bool), at=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_what_lies_behind_damage_is_not_read(
    tmp_path_factory: Factory, records: list[bytes], at: float, flip: int
) -> None:
    data = bytearray(framed(records))
    place = 7 + int(at * (len(data) - 7))
    data[place] ^= flip
    log = LogReader(_file(tmp_path_factory))
    log.path.write_bytes(data)
    found = log.new()
    assert len(found) < len(records)
    assert found == records[: len(found)]


def test_a_page_that_never_reached_the_disk_is_no_record(tmp_path: Path) -> None:
    whole = framed([b"first", b"second"])
    path = tmp_path / "run-x.wandb"
    path.write_bytes(whole[: whole.index(b"second") - 7] + bytes(5000))
    log = LogReader(path)
    assert log.new() == [b"first"]
    assert not log.damaged


def test_a_flipped_bit_is_damage_and_a_missing_byte_is_not(tmp_path: Path) -> None:
    whole = framed([b"first", b"second"])
    path = tmp_path / "run-x.wandb"
    path.write_bytes(whole[:-1])
    torn = LogReader(path)
    path.write_bytes(whole[:-1] + b"!")
    assert (LogReader(path).new(), torn.damaged) == ([b"first"], False)
    damaged = LogReader(path)
    damaged.new()
    assert damaged.damaged


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run-x.wandb"
    path.write_bytes(b":W&B\xe1\xbe\x01 of a later version")
    with pytest.raises(ValueError, match="not with"):
        LogReader(path).new()


def _file(factory: Factory) -> Path:
    return factory.mktemp("log") / "run-x.wandb"
