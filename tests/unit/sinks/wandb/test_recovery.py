"""Positions out of segments: which one counts, and what becomes of those that hold nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitewire.schemas.receipt import Position
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.sinks.testing.samples import stream
from sitewire.workers.sinks.wandb.index import IndexWriter, Slice
from sitewire.workers.sinks.wandb.recovery import recover
from support.wandb.files import framed, row, run, write_segment
from support.wandb.framing import HEADER

A = stream(1)


def records(segment: int, first: int, count: int) -> list[bytes]:
    """Return a segment's records: one index a row, whose number is its index."""
    index = IndexWriter(segment, {A: Position(delivered=first)} if first else {})
    config = {"lr": segment}
    rows = [row(at, {"_sitewire": index.text([Slice(A, at, 1)]), "loss": 1.0}) for at in range(first, first + count)]
    return [run("x", segment, config), *rows]


def test_the_last_segment_says_all(tmp_path: Path) -> None:
    write_segment(tmp_path, "x", "20260101_000000-x", framed(records(1, 0, 5)))
    write_segment(tmp_path, "x", "20260101_000000-x-1", framed(records(2, 5, 3)))
    found = recover(tmp_path, "x")
    assert (found.positions, found.next_row, found.segment) == ({A: Position(delivered=8)}, 8, 2)
    assert found.shown.config == {"lr": 2}


def test_the_number_in_a_segment_counts_and_not_the_clock_that_named_its_directory(tmp_path: Path) -> None:
    write_segment(tmp_path, "x", "20260101_000009-x", framed(records(1, 0, 5)))
    write_segment(tmp_path, "x", "20260101_000000-x", framed(records(2, 5, 3)))
    assert recover(tmp_path, "x").next_row == 8


@pytest.mark.parametrize(
    "data", [b"", HEADER[:3], HEADER, framed(records(2, 5, 0)), framed(records(2, 5, 1))[:-1], framed([]) + bytes(900)]
)
def test_a_segment_without_a_row_is_passed_over_and_removed(tmp_path: Path, data: bytes) -> None:
    write_segment(tmp_path, "x", "20260101_000000-x", framed(records(1, 0, 5)))
    empty = write_segment(tmp_path, "x", "20260101_000001-x", data)
    found = recover(tmp_path, "x")
    assert (found.positions, found.next_row, found.segment) == ({A: Position(delivered=5)}, 5, 1)
    assert not empty.parent.exists()


def test_a_segment_that_damage_hides_is_kept(tmp_path: Path) -> None:
    data = bytearray(framed(records(1, 0, 5)))
    data[20] ^= 1
    path = write_segment(tmp_path, "x", "20260101_000000-x", bytes(data))
    assert recover(tmp_path, "x").positions == {}
    assert path.exists()


@pytest.mark.parametrize("missing", range(1, 50, 7))
def test_a_torn_row_is_written_again(tmp_path: Path, missing: int) -> None:
    write_segment(tmp_path, "x", "20260101_000000-x", framed(records(1, 0, 5))[:-missing])
    assert recover(tmp_path, "x").positions == {A: Position(delivered=4)}


def test_runs_whose_ids_begin_alike_are_told_apart(tmp_path: Path) -> None:
    write_segment(tmp_path, "x", "20260101_000000-x", framed(records(1, 0, 5)))
    write_segment(tmp_path, "x-1", "20260101_000000-x-1", framed(records(7, 0, 1)))
    assert recover(tmp_path, "x").segment == 1
    assert recover(tmp_path, "x-1").segment == 7


def test_rows_of_a_later_version_or_of_somebody_else_are_not_written_over(tmp_path: Path) -> None:
    write_segment(tmp_path, "x", "20260101_000000-x", framed([run("x"), row(0, {"loss": 1.0})]))
    with pytest.raises(PlaceUnreadable, match="no _sitewire"):
        recover(tmp_path, "x")
    write_segment(tmp_path, "y", "20260101_000000-y", framed([row(0, {"_sitewire": '{"v":2,"segment":1,"keys":[]}'})]))
    with pytest.raises(PlaceUnreadable, match="version"):
        recover(tmp_path, "y")
