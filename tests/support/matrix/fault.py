"""What can happen to a stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from support.matrix.stand import Stand


class Fault(Protocol):
    """One kind of trouble.

    Attributes:
        name: for people: "a worker is killed".
    """

    @property
    def name(self) -> str: ...

    def strike(self, stand: Stand) -> None:
        """Make it happen and put it right again: start what was killed, let go on what was stopped.

        Random choices are made with ``stand.rng``, so that a seed makes them again.
        """
