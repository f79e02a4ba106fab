"""Series that nobody has named say so, and others never do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sitewire.schemas.series import named, unnamed

PARTS = st.text("abz059-_.", min_size=1).filter(lambda text: not text.startswith("unnamed-"))
TIMES = st.floats(0, 4e9)


@given(TIMES, st.none() | PARTS)
def test_a_series_that_nobody_has_named_is_left_out(time: float, outer: str | None) -> None:
    series = unnamed(time)
    assert "." not in series  # a folder of exactly that name
    assert named(series if outer is None else f"{outer}/{series}") == outer


@given(st.lists(PARTS, min_size=1).map("/".join))
def test_a_series_that_somebody_has_named_is_left_alone(series: str) -> None:
    assert named(series) == series
    assert named(None) is None


def test_names_that_only_begin_so_are_somebodys() -> None:
    for series in ("unnamed-", "unnamed-trial", "unnamed-1-2", f"{unnamed(1.5)}/x", f"my-{unnamed(1.5)}"):
        assert named(series) == series
