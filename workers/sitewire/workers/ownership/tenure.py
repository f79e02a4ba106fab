"""The work on one unit for as long as it is ours: what fails is begun again, and stops no other unit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from nats.aio.client import Client

from sitewire.broker_config.backoff import Backoff
from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.workers.errors import MissingExtra, Permanent, PlaceDown, WorkerError
from sitewire.workers.outage import TAKES_NOTHING
from sitewire.workers.ownership.claim import Claim
from sitewire.workers.ownership.member import LEAVE_TIMEOUT, Membership
from sitewire.workers.ownership.said import SaidOnce
from sitewire.workers.ownership.unit import Hold, Unit
from sitewire.workers.point import Point, reached

RETRY_FIRST = 0.25  # seconds
MOST_TEXT = 1000  # characters of a trouble
RETRY_MOST = 2.0  # seconds: a stopped owner's lock is free the moment it is killed, and nobody says so

_logger = logging.getLogger("sitewire.worker")


class Tenure:
    """One unit that is ours.

    Args:
        unit: what to work on.
        claim: its key, taken.
        member: whose lease the work is done under.
        client: connected.
        said: what has been logged.
        changed: called when the trouble is another.

    Attributes:
        claim: the unit's key.
        ended: set when the owner is to hand over.
        hangs: who hands it over would wait, and its runs with them.
    """

    def __init__(
        self,
        unit: Unit,
        claim: Claim,
        member: Membership,
        client: Client,
        said: SaidOnce,
        changed: Callable[[], None],
    ) -> None:
        self.claim = claim
        self.ended = asyncio.Event()
        self.hangs = False
        self._unit = unit
        self._member = member
        self._client = client
        self._said = said
        self._changed = changed
        self._failed = ""
        self._part = ""

    @property
    def trouble(self) -> str:
        """Why it cannot be worked on, or what of it stands still; empty if all goes on."""
        return self._failed or self._part

    async def run(self) -> None:
        """Work until ``ended`` is set, finish, and delete the unit's key.

        Raises:
            Permanent: the sink cannot work as it is configured.
            BrokerError: the client is closed.
        """
        reached(Point.UNIT_TAKEN)
        try:
            await self._work()
        finally:
            self._said.forget(self._unit.title)
        reached(Point.UNIT_STOPPED)
        try:
            async with asyncio.timeout(LEAVE_TIMEOUT):
                await self.claim.release()
        except (BrokerError, TimeoutError) as error:
            _logger.info("%s: not handed over yet: %s", self._unit.title, error)  # a later look finds it

    async def _work(self) -> None:
        backoff = Backoff(first=RETRY_FIRST, most=RETRY_MOST)
        hold = Hold(self._member.left, self._works, self._troubled, self._hanging)
        while not self.ended.is_set():
            heed_cancellation()
            self.hangs = False
            try:
                await self._unit.run(self.ended, hold)
            except Exception as error:  # noqa: BLE001  a fault of ours or a library's must not take other units down
                self._met(first_of(error))
            await pause(backoff, self.ended)

    def _met(self, error: Exception) -> None:
        if self._ends_all(error):
            raise error
        if not isinstance(error, WorkerError | BrokerError):
            _logger.error("%s: unexpected", self._unit.title, exc_info=error)
        title = self._unit.title
        text = str(error) or repr(error)
        if isinstance(error, PlaceDown):  # which is logged as the place's
            text = TAKES_NOTHING + text
        else:
            self._said.warn(title, f"{title}: {error}", "trying again until that is mended")
        self._failed, self._part = text[:MOST_TEXT], ""
        self._changed()  # whatever it was, the lease may be lost

    def _ends_all(self, error: Exception) -> bool:
        if isinstance(error, MissingExtra):
            return False  # of one tracker: the others' routes go on, and so does this one once it is installed
        return isinstance(error, Permanent) or (isinstance(error, BrokerError) and self._client.is_closed)

    def _works(self) -> None:
        self._failed = ""
        self._said.over(self._unit.title)
        self._changed()

    def _troubled(self, part: str) -> None:
        self._part = part[:MOST_TEXT]
        self._changed()

    def _hanging(self, hangs: bool) -> None:  # noqa: FBT001  as the work says it
        self.hangs = hangs
        self._changed()


def first_of(error: Exception) -> Exception:
    """Return the first error of a group of groups: its own text says more than "1 sub-exception"."""
    return first_of(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


async def pause(backoff: Backoff, stop: asyncio.Event) -> None:
    """Back off, unless told to stop meanwhile."""
    async with asyncio.TaskGroup() as group:
        pausing = group.create_task(backoff.pause())
        stopping = group.create_task(stop.wait())
        await asyncio.wait([pausing, stopping], return_when=asyncio.FIRST_COMPLETED)
        pausing.cancel()
        stopping.cancel()
