"""Which object of a tracker stands for what, agreed upon by all workers.

Some trackers choose the identity of what is made in them. Of two workers that make the same run, both
succeed; the one whose claim comes first has made the run that counts, and the other deletes its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class Claims(ABC):
    """The claims of one place. A name is made of ``A-Z a-z 0-9 _ - = .``, a value is any text."""

    @abstractmethod
    async def read(self, name: str) -> str | None:
        """Return what is claimed under a name.

        Raises:
            WorkerError, BrokerError: it could not be read.
        """

    @abstractmethod
    async def claim(self, name: str, value: str, instead_of: str | None = None) -> str:
        """Claim a name, and return the value that counts: ours, or that of who was faster.

        Args:
            name: what the object stands for.
            value: the tracker's name of it.
            instead_of: the value that is there and counts no more, as the tracker has lost the object; none if
                nothing is claimed yet.

        Raises:
            WorkerError, BrokerError: whether it is claimed is not known. Claiming it again is harmless.
        """
