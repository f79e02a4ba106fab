"""Runs that nothing comes for.

Their segments stay open for a while: otherwise a run that logs every few minutes would be a directory for each time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from sitewire.schemas.subject import RunKey

MOST_IDLE: Final = 64
"""Of a partition; a segment costs host and core about 0.3 MiB, and 3 descriptors."""


class Idle(ABC):
    """A run whose segment can stay open.

    Attributes:
        key: which run.
    """

    key: RunKey

    @abstractmethod
    async def leave(self) -> None:
        """Close the segment; never fails."""

    @abstractmethod
    def wake(self) -> bool:
        """Go on with it; whether that is possible."""


T = TypeVar("T", bound=Idle)


class IdleRuns(Generic[T]):
    """The runs of one partition whose segments are open and that nobody has open. The longest idle goes first."""

    def __init__(self) -> None:
        self._runs: OrderedDict[RunKey, T] = OrderedDict()

    async def keep(self, run: T) -> None:
        """Keep a run, of which all is committed."""
        self._runs[run.key] = run
        while len(self._runs) > MOST_IDLE:
            await self._runs.popitem(last=False)[1].leave()

    async def take(self, key: RunKey) -> T | None:
        """Return a run, ready to be written to, if it was kept and its client lives."""
        run = self._runs.pop(key, None)
        if run is None or run.wake():
            return run
        await run.leave()
        return None

    async def end(self) -> None:
        """Close all."""
        while self._runs:
            await self._runs.popitem()[1].leave()
