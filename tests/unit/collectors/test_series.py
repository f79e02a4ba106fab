"""Which series a log directory is: decided by the directories' paths and order alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitewire.collectors.series import Places, below


@pytest.mark.parametrize(
    ("directories", "expected"),
    [
        (["runs/a", "runs/a/"], [None, None]),
        (["runs/a", "runs/a/val", "runs/a/val/../val"], [None, "val", "val"]),
        (["runs/train", "runs/val"], [None, "val"]),
        (["runs/a", "runs/a/val", "runs/val"], [None, "val", "val_2"]),
        (["runs/a/b", "runs/a"], [None, "a"]),
        (["/x/a", "/y/z/b", "/w/b", "/y/z/b"], [None, "b", "b_2", "b"]),
        (["/x/a", "/"], [None, "_"]),
        (["/a", "/b/c"], [None, "b/c"]),
        (["runs/../runs/a", "runs/b"], [None, "b"]),
    ],
)
def test_the_first_directory_is_the_run_and_others_are_series(
    directories: list[str], expected: list[str | None]
) -> None:
    places = Places()
    assert [places.series(item) for item in directories] == expected


@given(st.lists(st.text(alphabet="ab./", min_size=1), min_size=1))
def test_series_are_deterministic_distinct_and_never_lead_upwards(directories: list[str]) -> None:
    places, again = Places(), Places()
    found = {Path(item).absolute(): places.series(item) for item in directories}
    assert [places.series(item) for item in directories] == [again.series(item) for item in directories]
    for series in found.values():
        assert series is None or not {"", ".", ".."} & set(series.split("/"))


def test_a_series_below_another_stays_below_it() -> None:
    assert below(None, "loss_a") == "loss_a"
    assert below("val", "loss_a/b") == "val/loss_a/b"
    assert below("val", "../../etc/./x//y") == "val/__/__/etc/x/y"
    assert below(None, "..") == "__"
    assert below(None, "/") == "_"
