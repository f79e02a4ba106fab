"""Every state that a small model can reach, breadth first, so that what is found wrong has the shortest way there."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

S = TypeVar("S", bound=Hashable)

Steps = Callable[[S], Iterable[tuple[str, S]]]
"""From a state, what can happen next: in words, and the state after it."""


class Explored(NamedTuple, Generic[S]):
    """What an exploration found.

    Attributes:
        states: how many there are; not all if one is wrong.
        complaint: what is wrong with the first wrong one; empty if none is.
        way: the steps to it, in words.
        stuck: a state from which the goal cannot be reached any more, if there is one.
    """

    states: int
    complaint: str
    way: list[str]
    stuck: S | None


def explore(start: S, steps: Steps[S], wrong: Callable[[S], str], goal: Callable[[S], bool]) -> Explored[S]:
    """Visit every state.

    Args:
        start: the first.
        steps: what can happen.
        wrong: says what is wrong with a state; empty if nothing is.
        goal: whether a state is one that all must be able to reach.
    """
    came: dict[S, tuple[str, S] | None] = {start: None}
    before: dict[S, list[S]] = {}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        if complaint := wrong(state):
            return Explored(len(came), complaint, list(_way(came, state))[::-1], None)
        for word, following in steps(state):
            before.setdefault(following, []).append(state)
            if following not in came:
                came[following] = word, state
                queue.append(following)
    good = _reaching([state for state in came if goal(state)], before)
    stuck = next((state for state in came if state not in good), None)
    return Explored(len(came), "", list(_way(came, stuck))[::-1] if stuck is not None else [], stuck)


def _way(came: dict[S, tuple[str, S] | None], state: S) -> Iterator[str]:
    while (step := came[state]) is not None:
        word, state = step
        yield word


def _reaching(goals: Iterable[S], before: dict[S, list[S]]) -> set[S]:
    good = set(goals)
    queue = deque(good)
    while queue:
        for state in before.get(queue.popleft(), ()):
            if state not in good:
                good.add(state)
                queue.append(state)
    return good
