"""A unit of work: what there is to own, and what its work knows of the lease."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Hold:
    """What the work on a unit knows of its lease, and has to say.

    Attributes:
        left: asked for the seconds for which nobody else can have taken the unit over; below 0 nothing new is begun.
        works: called when whatever ended the work on the unit is over.
        troubled: told what stands still in the unit while the rest of it goes on, and why; empty when that is over.
        hangs: told whether an attempt has not come back for a while: the unit cannot be handed over then.
    """

    left: Callable[[], float]
    works: Callable[[], None]
    troubled: Callable[[str], None]
    hangs: Callable[[bool], None] = lambda _: None


ALONE: Final = Hold(lambda: math.inf, lambda: None, lambda _: None)
"""The hold of one who owns a unit for ever, and whom nobody hears."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work.

    Attributes:
        name: its key's, behind ``unit.``.
        title: for people.
        run: works until the event is set, then finishes what is there; raises what went wrong.
        place: the digest of the place that its route is delivered to; empty if it is no route's.
    """

    name: str
    title: str
    run: Callable[[asyncio.Event, Hold], Awaitable[None]]
    place: str = ""
