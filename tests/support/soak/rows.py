"""What the trainers of a soak log: rows of ten names, each value a function of seed, step and name."""

from __future__ import annotations

from typing import Final

NAMES: Final = tuple(f"metric/{number}" for number in range(10))
INDEX: Final = {name: index for index, name in enumerate(NAMES)}
_VALUES: Final = 1_000_003  # a prime, and in eighths still exact in a float32


def value_of(seed: int, step: int, index: int) -> float:
    """Return the value of a name in a row: the same in a double and in a float32."""
    return (seed * 7919 + step * 31 + index * 1009) % _VALUES / 8


def row_of(seed: int, step: int) -> dict[str, float]:
    """Return a row by name."""
    return {name: value_of(seed, step, index) for index, name in enumerate(NAMES)}
