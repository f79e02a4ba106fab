"""Images with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]

PIXELS: Final = 64
"""Of one image: 8 by 8, in rows."""

LABELS: Final = 10
"""The digits 0 to 9."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Images and what they show.

    Attributes:
        images: shape ``(count, PIXELS)``, ink from 0 to 1.
        labels: shape ``(count,)``, 0 to ``LABELS - 1``.
    """

    images: Floats
    labels: Integers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indexes: Integers) -> Examples:
        """Return the examples at these places, in this order."""
        return Examples(self.images[indexes], self.labels[indexes])

    def divide(self, share: float, random: np.random.Generator) -> tuple[Examples, Examples]:
        """Return two parts, shuffled; the second has ``share`` of the examples, and at least one."""
        order = random.permutation(len(self))
        cut = len(self) - max(1, round(share * len(self)))
        return self.take(order[:cut]), self.take(order[cut:])
