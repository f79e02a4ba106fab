"""scikit-learn's digits: 1797 handwritten numerals, which ship in the package. Nothing is downloaded."""

from __future__ import annotations

from typing import Final

import numpy as np
from sklearn.datasets import load_digits

from sitewire.deploy.demo.examples import Examples

_MAX_INK: Final = 16.0


def load() -> Examples:
    """Return all of them, in the package's order."""
    images, labels = load_digits(return_X_y=True)
    return Examples(np.asarray(images, np.float64) / _MAX_INK, np.asarray(labels, np.int64))
