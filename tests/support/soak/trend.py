"""Whether something grows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import combinations
from typing import Final

Series = Sequence[tuple[float, float]]
"""Hours since the beginning, and a value."""

_MOST_POINTS: Final = 200
"""Pairs of more would take long, and say the same."""

SHARE: Final = 0.05
"""Of its median that something may grow in an hour, and be called flat."""

LEAST: Final = 2.0
"""What it may grow in an hour however small it is: MiB, or pieces."""


def slope(series: Series) -> float:
    """Return the growth an hour, by Theil and Sen: the median over all pairs, which single peaks do not move."""
    thin = series[:: max(len(series) // _MOST_POINTS, 1)]
    slopes = [(later[1] - one[1]) / (later[0] - one[0]) for one, later in combinations(thin, 2) if later[0] > one[0]]
    return statistics.median(slopes) if slopes else 0.0


def is_flat(series: Series) -> bool:
    """Whether it grows by no more than 5 % of its median or 2 (MiB, pieces) an hour, whichever is more."""
    if not series:
        return True
    median = statistics.median(value for _, value in series)
    return slope(series) <= max(SHARE * median, LEAST)
