"""What the sink of one run is to be told of the run's end, from what is heard of its writers."""

from __future__ import annotations

import time

from sitewire.broker_config.backoff import Backoff
from sitewire.schemas.account import Account
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Receipt, StreamKey
from sitewire.schemas.subject import RunKey, Subject
from sitewire.workers.endings import is_news, owing, standing
from sitewire.workers.route_context import RouteContext

FIRST = 2.0  # seconds until it is asked for again, at most, when the broker has not answered
MOST = 30.0  # the same after many times: whoever may publish can have thousands of runs ask


class Conclusion:
    """Keeps the accounts of one run while it is delivered.

    Attributes:
        worth_a_look: something was heard that may be news.
    """

    def __init__(self, run: RunKey, context: RouteContext) -> None:
        self.worth_a_look = True
        self._run = run
        self._context = context
        self._accounts: dict[str, Account] | None = None
        self._early: dict[str, Account] = {}  # heard before those were read, or meanwhile
        self._ending: Ending | None = None
        self._stale = False
        self._before_start: set[StreamKey] = set()
        self._backoff = Backoff(first=FIRST, most=MOST)
        self._not_before = 0.0

    @property
    def due_in(self) -> float:
        """Seconds until it may be looked for; 0 if at once."""
        return max(0.0, self._not_before - time.monotonic())

    def put_off(self) -> None:
        """Have it looked for later, and ever later: the broker has not answered."""
        self._not_before = time.monotonic() + self._backoff.draw()
        self.worth_a_look = True

    def heard(self, writer: str, account: Account) -> None:
        """Take a writer's new account."""
        self.worth_a_look |= not account.alive
        if self._accounts is None:
            self._early[writer] = account
        elif self._accounts.get(writer) != account:
            self._accounts[writer] = account
            self._stale = True  # worked out when it is asked for: a run can have thousands of writers

    def forget(self) -> None:
        """After a reconnection the store may be another."""
        self._accounts = None
        self._early.clear()
        self._before_start.clear()
        self.worth_a_look = True
        self._not_before = 0.0

    async def news(self, receipt: Receipt | None) -> Ending | None:
        """Return what the sink is to be told now, or None.

        Args:
            receipt: with the positions that are committed, and what the sink was told last.

        Raises:
            BrokerError: the stream could not be read.
        """
        ending = await self._news(receipt)
        self._backoff.reset()
        return ending

    async def _news(self, receipt: Receipt | None) -> Ending | None:
        if receipt is None or not receipt.positions:
            return None  # nothing of the run is in the sink
        if self._accounts is None:
            found = await self._context.stream.accounts(self._run)
            # What was heard may be newer than what was read. If it is older, the newer one is heard yet.
            self._accounts, self._early = found | self._early, {}
            self._stale = True
        if self._stale:
            self._ending, self._stale = standing(self._accounts), False
        ending = self._ending
        if ending is None or not is_news(ending, receipt.ending):
            return None
        if ending.state is not EndingState.RUNNING and await self._owes(receipt, self._accounts):
            return None
        return ending

    async def _owes(self, receipt: Receipt, accounts: dict[str, Account]) -> bool:
        for key in owing(self._run, accounts, receipt.positions, self._context.takes):
            if key in receipt.positions or not await self._ended_before_start(key, accounts[key.writer]):
                return True
        return False

    async def _ended_before_start(self, key: StreamKey, account: Account) -> bool:
        """Whether the route began behind all of a numbering."""
        context = self._context
        if context.start is None or not account.settled:
            return False
        if key not in self._before_start:
            subject = Subject(self._run, key.record_class, key.writer).stored(context.partition)
            if await context.stream.base(subject, context.start) is not None:
                return False
            self._before_start.add(key)
        return True
