"""Keeps the runs of a place from trying while it takes nothing; ``circuit.py`` says when.

An attempt that finds the place down is nothing to log or to park a run for: it is the place's trouble, said
once when it begins and once when it is over, and shown by ``status`` meanwhile. What waits is bounded by what a
partition holds: a full one pulls nothing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import islice
from typing import Final

from sitewire.broker_config.cancellation import heed_cancellation
from sitewire.broker_config.errors import BrokerError
from sitewire.workers.circuit import Circuit, Permit, State
from sitewire.workers.errors import GivenUp, PlaceDown
from sitewire.workers.outage import MOST_ROUTES, MOST_WHY, Outage
from sitewire.workers.slots import Slots

AFTER_YOU: Final = 0.1  # seconds that a run which fails leaves the probe to one that may not
UNASKED: Final = 15.0  # seconds behind a pause, without an attempt; longer than a run waits between two

NEWCOMERS: Final = 3  # runs that are opened at once: fewer than any sink's threads
PATIENCE: Final = 2.0  # seconds after which one gives its place to another: it may wait for a tracker that hangs

_logger = logging.getLogger("sitewire.worker")


class Attempt:
    """One attempt that was let through.

    Attributes:
        proven: the place has taken something. Set by whose attempt it is: there are those that ask it nothing.
    """

    def __init__(self) -> None:
        self.proven = False


class Breaker:
    """One for each place in a worker: its partitions share it.

    Args:
        place: for people.
        circuit: when to try.

    Attributes:
        newcomers: where a run waits that is not open in the sink, so that those which are do not wait behind thousands:
            whoever may publish can begin so many at once.
    """

    def __init__(self, place: str = "the place", circuit: Circuit | None = None) -> None:
        self._place = place
        self._circuit = circuit or Circuit()
        self._since = 0.0
        self._why = ""
        self._waiting: set[asyncio.Event] = set()
        self._worked_at = 0.0  # on the monotonic clock
        self.newcomers = Slots(NEWCOMERS, PATIENCE)

    @property
    def open(self) -> bool:
        """Whether nobody tries, or one alone does."""
        return self._circuit.state is not State.CLOSED

    @property
    def outage(self) -> Outage | None:
        """What is to be said of the place; None while it works, or once nobody here has anything for it."""
        if not self.open or self._circuit.overdue >= UNASKED:
            return None
        left = self._circuit.left if self._circuit.state is State.OPEN else 0.0
        return Outage(self._since, self._why, time.time() + left)

    async def admit(self, until: asyncio.Event, waits: Callable[[], None], *, failing: bool = False) -> Permit:
        """Wait until an attempt may be made. Whoever is cancelled or gives up meanwhile leaves nothing behind.

        Args:
            until: ends the waiting.
            waits: called if there is any.
            failing: whose last attempt failed; the probe is left to others then, if there are any.

        Raises:
            GivenUp: ``until`` was set, and the place is not to be tried now.
        """
        while (permit := self._circuit.ask()) is None:
            heed_cancellation()
            if until.is_set():
                raise GivenUp
            waits()
            await self._wait(until, AFTER_YOU if failing else 0.0)
        return permit

    @asynccontextmanager
    async def attempt(self, permit: Permit, since: float | None = None) -> AsyncIterator[Attempt]:
        """Make the attempt in the block, and go by what came of it.

        What is no ``PlaceDown`` concerns one run or record: the place has answered. An error of the broker, or a
        cancellation, says nothing of the place. A run that fails for longer than the place has worked for another has
        a trouble of its own, whatever the tracker calls it: it keeps the place from nobody.

        Args:
            permit: from ``admit``.
            since: when the run's present row of failures began, on the monotonic clock.
        """
        attempt = Attempt()
        try:
            yield attempt
        except PlaceDown as error:
            self._failed(permit, error, own=since is not None and since < self._worked_at)
            raise
        except (BrokerError, asyncio.CancelledError):
            self._returned(permit)
            raise
        except Exception:
            self._worked(permit)
            raise
        if attempt.proven:
            self._worked(permit)
        else:
            self._returned(permit)

    async def _wait(self, until: asyncio.Event, more: float) -> None:
        """Wait until it may be time to ask again, or to give up."""
        changed = asyncio.Event()
        self._waiting.add(changed)
        try:
            async with asyncio.TaskGroup() as group:
                both = [group.create_task(event.wait()) for event in (changed, until)]
                await asyncio.wait(both, timeout=self._circuit.left + more, return_when=asyncio.FIRST_COMPLETED)
                for task in both:
                    task.cancel()
        finally:
            self._waiting.discard(changed)

    def _failed(self, permit: Permit, error: PlaceDown, *, own: bool) -> None:
        was_open = self.open
        if not self._circuit.failed(permit, error, own=own):
            return
        self._why = (str(error) or repr(error))[:MOST_WHY].encode(errors="replace").decode()
        if not was_open:
            self._since = time.time()
            _logger.warning("%s takes nothing: %s; trying again from time to time", self._place, self._why)
        self._wake()

    def _worked(self, permit: Permit) -> None:
        self._worked_at = time.monotonic()
        if self._circuit.worked(permit):
            _logger.info("%s works again, after %.0f s", self._place, time.time() - self._since)
        self._wake()

    def _returned(self, permit: Permit) -> None:
        self._circuit.returned(permit)
        self._wake()

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()


class Breakers:
    """Those of a worker, by the identities of the places."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}

    def of(self, place: str) -> Breaker:
        """Return the one of a place, which is made when it is asked for first."""
        return self._breakers.setdefault(place, Breaker(place))

    def outages(self, places: Iterable[tuple[str, str]]) -> dict[str, Outage]:
        """Return what is to be said, by route; of ``MOST_ROUTES`` at most.

        Args:
            places: names of routes, with the identities of their places.
        """
        found = ((route, self.of(place).outage) for route, place in places)
        return dict(islice(((route, outage) for route, outage in found if outage is not None), MOST_ROUTES))
