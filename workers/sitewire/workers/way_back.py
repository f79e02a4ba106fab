"""How a parked run becomes an ordinary one: one turn after another, until nothing is left to read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum, auto

from sitewire.broker_config.errors import BrokerError
from sitewire.workers.detour import Detour
from sitewire.workers.errors import GivenUp
from sitewire.workers.holding import Holding
from sitewire.workers.slots import Slots
from sitewire.workers.trouble import Trouble

MISSING = "it waits for indexes that are missing"
CATCHING_UP = "it is catching up"


class Turn(Enum):
    """What a turn has come to."""

    BACK = auto()
    """The run is an ordinary one."""
    MOVED = auto()
    """More can be read at once."""
    WAITING = auto()
    """All that there is has been read; something is missing, or is on its way."""
    FAILED = auto()
    """Nothing is held, and it is to be tried again later."""


class WayBack:
    """Tries to write what the stream has of a parked run.

    Args:
        detour: from where it is read.
        holding: what was read.
        trouble: why it fails.
        trying: who of a partition's parked runs may read.
        open_run: opens the run in the sink; ``GivenUp`` if that fails.
        deliver: writes what is held; ``GivenUp`` if that fails.
        tell: publishes the receipt.
        tell_if_due: the same, if the last one was some time ago.
    """

    def __init__(
        self,
        detour: Detour,
        holding: Holding,
        trouble: Trouble,
        trying: Slots,
        *,
        open_run: Callable[[], Awaitable[object]],
        deliver: Callable[[], Awaitable[None]],
        tell: Callable[[], Awaitable[None]],
        tell_if_due: Callable[[], Awaitable[None]],
    ) -> None:
        self._detour = detour
        self._holding = holding
        self._trouble = trouble
        self._trying = trying
        self._open_run = open_run
        self._deliver = deliver
        self._tell = tell
        self._tell_if_due = tell_if_due

    async def turn(self) -> Turn:
        """Try once."""
        self._holding.came.clear()
        try:
            return await self._try()
        except GivenUp:
            return await self._turn_back(self._trouble.text)
        except BrokerError as error:
            self._trouble.met(str(error))
            return await self._turn_back(self._trouble.text)

    async def _try(self) -> Turn:
        async with self._trying.one():
            await self._open_run()  # while that fails nothing needs to be read
            await self._detour.prepare()
            moved = await self._detour.read_on()
            await self._deliver()
        if self._detour.behind:
            await self._tell_if_due()  # a long way back looks like a standstill to who reads receipts
        else:
            await self._tell()  # nothing brings the run back later for its receipt
        if await self._detour.leave():
            return Turn.BACK
        if self._detour.full:
            return await self._turn_back(MISSING)  # what is held waits for something that may not come for long
        self._detour.trust()
        await self._detour.note(MISSING if self._holding.held else CATCHING_UP)
        return Turn.MOVED if moved else Turn.WAITING

    async def _turn_back(self, reason: str | None) -> Turn:
        self._detour.turn_back()
        try:
            await self._detour.note(reason)
        except BrokerError as error:
            self._trouble.met(str(error))
        return Turn.FAILED
