"""The points that trainers of tests log: each is a function of the trainer's seed and the point's number.

So nobody has to write down what was logged: a count says it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import NamedTuple

NAMES = ("train/loss", "val accuracy %", "grad.norm>*")


class Point(NamedTuple):
    """A scalar of a run as TensorBoard keeps it: the value is a float32's."""

    step: int
    value: float
    time: float


def scalar(seed: int, number: int) -> tuple[str, float, int, float]:
    """Return name, value (a double), step and time of the point with this number; per name the steps rise by one.

    The time has whole microseconds, so that a reader of text finds the same.
    """
    step, name = divmod(number, len(NAMES))
    return NAMES[name], math.sin(seed * 1e6 + number) * 1000, step, 1.7e9 + seed + number / 64


def point(seed: int, number: int) -> tuple[str, Point]:
    """Return the name, and what a reader is to find under it."""
    name, value, step, time = scalar(seed, number)
    return name, Point(step, float32(value), time)


def points(seed: int, count: int) -> Iterator[tuple[str, Point]]:
    """Yield the first ``count`` points in the order in which they are logged."""
    return (point(seed, number) for number in range(count))


def float32(value: float) -> float:
    """Return the nearest value that a float32 holds."""
    rounded: float = struct.unpack("<f", struct.pack("<f", value))[0]
    return rounded
