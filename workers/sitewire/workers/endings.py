"""How a run stands, and whether its sink is to be told: a function of accounts, positions and the route's classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from sitewire.schemas.account import Account
from sitewire.schemas.attempt import attempts
from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.subject import RunKey, Subject

Takes: TypeAlias = Callable[[Subject], bool]
"""Whether a route reads what is published under a subject."""


def standing(accounts: Mapping[str, Account]) -> Ending | None:
    """Return how a run stands; None while that is not known.

    Args:
        accounts: by writer. Of a writer that is gone, the last word has come when ``stopped`` says so: before, its
            spool is being read, and more than is known now may have been logged.
    """
    if not accounts or any(not (account.alive or account.stopped) for account in accounts.values()):
        return None
    return attempts(accounts)[-1].ending


def is_news(ending: Ending, told: Ending | None) -> bool:
    """Whether it is not what the sink was told last; that a first attempt runs is what it takes for granted."""
    if told is None:
        return ending.state is not EndingState.RUNNING or ending.attempt > 1
    return ending != told


def owing(
    run: RunKey, accounts: Mapping[str, Account], positions: Mapping[StreamKey, Position], takes: Takes
) -> Iterator[StreamKey]:
    """Yield the numberings of which the sink does not have all that was assigned.

    One without a position may also have ended before the route's start: the stream can tell.
    """
    for writer, account in accounts.items():
        for record_class, counts in account.classes.items():
            position = positions.get(StreamKey(writer, record_class), Position())
            if position.next < counts.assigned and takes(Subject(run, record_class, writer)):
                yield StreamKey(writer, record_class)
