"""Guards of the product that a process can be told to do without: the checker has to notice each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

BROKEN: Final[dict[str, Callable[[], None]]] = {}
