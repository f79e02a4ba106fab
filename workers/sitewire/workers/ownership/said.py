"""Troubles that are logged once, however often and in however many units they are met; and when they are over."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field

_logger = logging.getLogger("sitewire.worker")


@dataclass(slots=True)
class _Said:
    """One trouble: as it was logged, who had it, and who still has it."""

    text: str
    had: set[str] = field(default_factory=set)
    have: set[str] = field(default_factory=set)


class SaidOnce:
    """Warnings; what differs in numbers only (each partition has it) is one trouble."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Said] = {}

    def warn(self, who: str, text: str, then: str) -> None:
        """Log a trouble the first time.

        Args:
            who: has it, until ``over`` or ``forget``.
            text: what it is.
            then: what is done about it.
        """
        kind = re.sub(r"\d+", "", text)
        if kind not in self._kinds:
            self._kinds[kind] = _Said(text)
            _logger.warning("%s; %s", text, then)
        self._kinds[kind].had.add(who)
        self._kinds[kind].have.add(who)

    def over(self, who: str) -> None:
        """Take note that somebody has no trouble any more; log those that nobody else has."""
        for said in self._left_by(who):
            more = f" (and {len(said.had) - 1} more)" if len(said.had) > 1 else ""
            _logger.info("over: %s%s", said.text, more)

    def forget(self, who: str) -> None:
        """Take note that somebody is gone: whether the trouble is over is not known here."""
        self._left_by(who)

    def clear(self) -> None:
        """Begin anew: the next trouble is a new one."""
        self._kinds.clear()

    def _left_by(self, who: str) -> list[_Said]:
        left = [kind for kind, said in self._kinds.items() if said.have == {who}]
        for said in self._kinds.values():
            said.have.discard(who)
        return [self._kinds.pop(kind) for kind in left]
