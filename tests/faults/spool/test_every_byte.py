"""Every bit of a spool's files is flipped, every file is cut at every offset: a reader starts, and counts exactly."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from sitewire.collectors.spool import segment
from sitewire.collectors.spool.slots import PAGE_BYTES
from support.notes import NOTE
from support.trouble.campaign import FULL, SEED, sample, scratch
from support.trouble.damage import SEGMENT_BYTES, Small, cut, flipped, make

FLIPS = 60
CUTS = 25
"""Of a case, when not all are played."""

SLOT_BYTES = 149
"""Of a state page: cut behind it, one of the two copies is whole."""

pytestmark = [pytest.mark.timeout(3600 if FULL else 120)]

Property = Callable[[str, object], None]

cases = pytest.mark.parametrize("how", ["ended", "killed", "living"])
begins = pytest.mark.parametrize("middle", [False, True], ids=["from the begin", "from the middle"])


@pytest.fixture(autouse=True)
def _small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "size_of", lambda _number, _limit: SEGMENT_BYTES)


def bits(data: bytes, position: int, *, all_of_them: bool) -> list[int]:
    """Which bits of a byte are flipped: one drawn, or all; one of a zero far from any byte that says something."""
    near = any(data[max(position - 64, 0) : position + 64])
    return list(range(8)) if all_of_them and near else [random.Random(SEED + position).randrange(8)]


def flips_of(small: Small, *, all_bits: bool) -> list[tuple[Path, int, int]]:
    """Every byte of every file, with the bits of it that are flipped."""
    every = []
    for file in small.files:
        data = file.read_bytes()
        for position in range(len(data)):
            every += [(file, position, bit) for bit in bits(data, position, all_of_them=all_bits)]
    return every


@cases
@begins
def test_a_flipped_bit_costs_at_most_the_record_that_it_is_in(
    tmp_path: Path, record_property: Property, how: str, middle: bool
) -> None:
    with scratch(tmp_path) as folder:
        small = make(folder / "spool", how, middle=middle)
        small.check(frozenset())
        flips = sample(flips_of(small, all_bits=how == "ended" and middle), FLIPS)
        for file, position, bit in flips:
            with flipped(file, position, bit):
                small.check(small.hit(file, position, position))
        small.check(frozenset())
    label = "the middle" if middle else "the begin"
    record_property(NOTE, f"spool, {how}, read from {label}: {len(flips)} bits flipped, one record each at most")


@cases
@begins
def test_a_file_that_ends_at_any_offset_costs_what_stood_behind_it(
    tmp_path: Path, record_property: Property, how: str, middle: bool
) -> None:
    with scratch(tmp_path) as folder:
        small = make(folder / "spool", how, middle=middle)
        every = [(file, size) for file in small.files for size in (None, *range(file.stat().st_size))]
        cuts = sample(every, CUTS)
        for file, size in cuts:
            # Without either copy nobody knows of calls behind the last record that got none.
            counted = file.name != "state" or (size is not None and size >= SLOT_BYTES)
            with cut(file, size):
                small.check(small.hit(file, size or 0, SEGMENT_BYTES), named=False, counted=counted)
        small.check(frozenset())
    label = "the middle" if middle else "the begin"
    record_property(NOTE, f"spool, {how}, read from {label}: cut at {len(cuts)} offsets, nothing else missing")


def test_the_page_of_a_state_has_the_size_that_is_cut_here(tmp_path: Path) -> None:
    small = make(tmp_path / "spool", "ended", middle=False)
    page = small.directory.state_path.read_bytes()
    assert len(page) == PAGE_BYTES
    assert not any(page[SLOT_BYTES : PAGE_BYTES // 2])


def test_the_check_sees_what_one_flipped_bit_must_not_cost(tmp_path: Path) -> None:
    small = make(tmp_path / "spool", "ended", middle=False)
    (number, begin), (_, _) = next(iter(small.frames.items()))
    with flipped(segment.path_of(small.directory.path, number), begin + 30, 0), pytest.raises(AssertionError):
        small.check(frozenset())
