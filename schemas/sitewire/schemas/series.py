"""Names of series that nobody has named: TensorBoard needs a folder for each session of its hparams page.

Such a name is never the same twice. So a tracker that puts the series before a name leaves this one out: two runs
could not be compared otherwise.
"""

from __future__ import annotations

import re
from typing import Final

_UNNAMED: Final = re.compile(r"unnamed-\d+-\d{6}")


def unnamed(time: float) -> str:
    """Return the name of a series that was begun at a time, in seconds since the epoch, and that nobody has named."""
    return f"unnamed-{time:.6f}".replace(".", "-")


def named(series: str | None) -> str | None:
    """Return the part of a series that somebody has named: all of it, the series that it is in, or None."""
    if series is None:
        return None
    outer, _, last = series.rpartition("/")
    return (outer or None) if _UNNAMED.fullmatch(last) else series
