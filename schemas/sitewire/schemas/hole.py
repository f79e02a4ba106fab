"""Indexes that will never hold a record, and why."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class HoleName(StrEnum):
    """Why indexes are empty."""

    DROPPED = "dropped"
    """The spool was full, or the disk was: the log call's record was never stored, or its segment was given up."""
    DAMAGED = "damaged"
    """The spool held it, but its bytes no longer match their checksum."""
    WITHHELD = "withheld"
    """A site's policy kept it at the site."""
    EXPIRED = "expired"
    """The stream no longer has it, and neither has the spool."""


class Hole(NamedTuple):
    """A run of indexes without records: ``first`` to ``first + count - 1``."""

    name: HoleName
    first: int
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody asks of a hole

    @property
    def end(self) -> int:
        """The index behind the last one."""
        return self.first + self.count
