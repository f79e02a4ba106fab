"""Attempts: writers whose lives overlap are one; who begins after all earlier ones had stopped begins the next.

Made from accounts alone, so that the tracker's run and ``sitewire runs`` say the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from sitewire.schemas.account import Account
from sitewire.schemas.ending import Ending, EndingState


@dataclass(slots=True)
class Attempt:
    """One attempt of a run.

    Attributes:
        number: from 1, in the order of their begins.
        started: when its first writer began, seconds since the epoch.
        stopped: when its last writer was last seen alive; infinite while one lives.
        accounts: of its writers.
    """

    number: int
    started: float
    stopped: float
    accounts: dict[str, Account] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether one of its writers lives."""
        return any(account.alive for account in self.accounts.values())

    @property
    def crashed(self) -> bool:
        """Whether a writer is gone without its end; a forked child's end is its parent's business."""
        return any(not (item.alive or item.ended or item.forked) for item in self.accounts.values())

    @property
    def ending(self) -> Ending:
        """How the run stands, this attempt being the latest."""
        if self.alive:
            return Ending(EndingState.RUNNING, self.number, self.started)
        failed = self.crashed or any(item.failed and not item.forked for item in self.accounts.values())
        return Ending(EndingState.FAILED if failed else EndingState.FINISHED, self.number, self.stopped)


def attempts(accounts: Mapping[str, Account]) -> list[Attempt]:
    """Return the attempts of a run in their order.

    Args:
        accounts: by writer.
    """
    found: list[Attempt] = []
    for writer, account in sorted(accounts.items(), key=lambda item: (item[1].started, item[0])):
        # A forked child's writer may begin when its parent is gone: that is no attempt of its own, or a crash would be
        # forgotten over what a DataLoader's workers still logged.
        if not found or (account.started > found[-1].stopped and not account.forked):
            found.append(Attempt(len(found) + 1, account.started, account.started))
        latest = found[-1]
        latest.accounts[writer] = account
        latest.stopped = max(latest.stopped, _stopped(account))
    return found


def _stopped(account: Account) -> float:
    """Return when a writer stopped; of one whose account does not say, only its begin is known."""
    return math.inf if account.alive else max(account.stopped, account.started)
