"""Names of folders and files: nothing climbs out, nothing meets, and files sort in the order of their making."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.workers.errors import SinkMisconfigured
from sitewire.workers.sinks.tensorboard.layout import MAX_DEPTH, next_file, our_files, series_path

SERIES = st.text(st.sampled_from("ab/.=_-ä\x00 "), max_size=40) | st.text(max_size=400)


@given(SERIES)
def test_a_series_stays_within_its_run(series: str) -> None:
    path = series_path(series)
    assert not path.is_absolute()
    assert 1 <= len(path.parts) <= MAX_DEPTH
    assert all(part not in {".", ".."} and len(part.encode()) <= 200 and part.isascii() for part in path.parts)
    assert not any("tfevents" in part and "." in part for part in path.parts)


@given(st.lists(SERIES, unique=True, max_size=20))
def test_two_series_never_share_a_folder(series: list[str]) -> None:
    assert len({series_path(item) for item in series}) == len(series)


def test_long_and_deep_series_keep_apart_within_the_length_of_a_path() -> None:
    long = ["x" * 1000, "x" * 999 + "y", "/".join("ab" * 200), "/".join("ab" * 199 + "cd"), "ä" * 500, "/" * 1000]
    assert len({series_path(item) for item in long}) == len(long)
    assert max(len(str(series_path(item))) for item in long) < 2000


def test_a_plain_series_is_its_own_path() -> None:
    assert series_path("train/loss_1") == Path("train/loss_1")
    assert series_path(None) == Path()


def test_a_new_file_sorts_behind_all_that_are_there(tmp_path: Path) -> None:
    ahead = int(time.time()) + 1000
    (tmp_path / f"events.out.tfevents.{ahead}.host.123").touch()
    names = []
    for _ in range(3):
        path = next_file(tmp_path)
        path.write_text("x")
        names.append(path.name)
    everything = sorted(path.name for path in tmp_path.iterdir())
    assert everything[1:] == names
    assert [path.name for path in our_files(tmp_path)] == names[::-1]


def test_an_empty_file_is_used_instead_of_a_further_one(tmp_path: Path) -> None:
    first = next_file(tmp_path)
    first.touch()
    assert next_file(tmp_path) == first
    first.write_text("x")
    assert next_file(tmp_path) > first


@pytest.mark.parametrize("name", ["zz.tfevents", "events.out.tfevents.9999999999.host", "events.out.tfevents.x"])
def test_a_file_that_nothing_can_follow_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(SinkMisconfigured, match=name):
        next_file(tmp_path)
