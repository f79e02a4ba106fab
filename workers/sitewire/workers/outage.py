"""What a worker says of a place that it does not try: since when, why, and when it does again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_WHY: Final = 200  # characters; an error's text can hold a whole page of a tracker's
MOST_ROUTES: Final = 16
"""Routes of a worker of which it is said: the worker's key has to stay small whatever trackers answer."""

TAKES_NOTHING: Final = "its place takes nothing: "
"""How the trouble of a unit begins that is its place's: what a worker says of the place itself says it as well."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A place that takes nothing.

    Attributes:
        since: seconds since the epoch.
        why: what the last attempt met.
        next_try: when it is tried again, seconds since the epoch; past while an attempt is under way.
    """

    since: float
    why: str
    next_try: float
