"""What log calls refuse: counted by reason, told once for each, and never raised into training."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from enum import StrEnum
from typing import Final

_logger = logging.getLogger("sitewire")

_SHOWN: Final = (str, bytes, bool, int, float, complex, type(None))
"""Types whose ``repr`` is quick and raises nothing; that of a tensor may wait for a device."""


class Reason(StrEnum):
    """Why a log call got no index. The values are keys of an account; add, never rename."""

    VALUE = "value"
    STEP = "step"
    NAME = "name"
    TEXT = "text"
    TIME = "time"
    TOO_LARGE = "too_large"
    NOT_COLLECTED = "not_collected"
    """A kind that is not collected yet: images, histograms, ..."""
    SPOOL = "spool"
    """The spool's directory cannot be used."""
    FINISHED = "finished"
    """The run had been finished."""
    OFF = "off"
    """The environment leaves no way to collect."""
    INTERNAL = "internal"
    """A fault of ours."""


class Refusals:
    """The counts of one writer. Safe from any thread and from signal handlers."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._told: set[str] = set()

    def count(self, reason: str, message: str, *, once: str = "") -> None:
        """Count a refusal, and log the first of its reason.

        Args:
            reason: what it is counted as.
            message: for people; an example of what was refused.
            once: what "first" goes by, if not by the reason alone.
        """
        # One call into C: no other thread and no signal handler gets between reading and writing.
        self._counts.update((str(reason),))
        key = once or str(reason)
        if key not in self._told:
            self._told.add(key)
            report(f"sitewire: refused ({reason}): {message}; more of this kind is counted, not logged")

    def counts(self) -> dict[str, int]:
        """Return how many log calls were refused so far, by reason."""
        return dict(self._counts)

    def successor(self) -> Refusals:
        """Return the counts for the run's next writer: from zero, without telling again what was told."""
        following = Refusals()
        following._told = self._told
        return following


def report(message: str, level: int = logging.WARNING) -> None:
    """Log to ``sitewire``. Handlers and streams are the trainer's, and what they raise must not reach its loop."""
    with contextlib.suppress(Exception):
        _logger.log(level, "%s", message)


def describe(value: object) -> str:
    """Return a few words about a value without running code of its type."""
    if type(value) is int and value.bit_length() > 80:
        return f"an integer of {value.bit_length()} bits"  # Python refuses to write out the longest
    if type(value) in _SHOWN:
        return f"{value[:80]!r}" if isinstance(value, (str, bytes)) else f"{value!r}"
    return f"a value of the type {type(value).__name__}"
