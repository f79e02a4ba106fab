"""What keeps a run from being delivered, in words, and since when."""

from __future__ import annotations

import logging
import time

from sitewire.schemas.subject import RunKey

MOST_TRACEBACKS = 10  # of a run; an error's text can differ each time

_logger = logging.getLogger("sitewire.worker")


class Trouble:
    """The trouble of one run in one route; a change is logged, the same one again is not.

    Attributes:
        text: why the last attempt failed; None when it did not.
        since: when the first of the present row of failures was, on the monotonic clock; None when there is none.
        row: the same, whoever is to blame: what `excused` forgets is kept here.
        attempt: when the attempt that is under way began, on the same clock; None between two.
        slow: it works, but in small parts, because the tracker refuses some of its records.
    """

    def __init__(self, route: str, run: RunKey) -> None:
        self.text: str | None = None
        self.since: float | None = None
        self.row: float | None = None
        self.attempt: float | None = None
        self.slow = False
        self._logged: str | None = None
        self._name = f"route {route}, {run.run}/{run.site}"
        self._traced: set[tuple[type[Exception], str]] = set()

    def begun(self) -> None:
        """Note that an attempt begins; it ends with ``met`` or ``over``."""
        self.attempt = time.monotonic()

    def met(self, text: str, *, quiet: bool = False) -> None:
        """Note that an attempt failed; ``quiet`` if somebody else says why."""
        self.attempt = None
        now = time.monotonic()
        self.since = now if self.since is None else self.since
        self.row = now if self.row is None else self.row
        if not quiet and text != self._logged:
            _logger.warning("%s: %s; trying again", self._name, text)
            self._logged = text
        self.text = text

    def met_unexpected(self, error: Exception) -> None:
        """Note that an attempt failed by an unforeseen fault: the first of its kind is logged with its traceback."""
        kind = type(error), str(error)
        if kind not in self._traced and len(self._traced) < MOST_TRACEBACKS:
            self._traced.add(kind)
            _logger.error("%s: unexpected", self._name, exc_info=error)
        self.met(repr(error))

    def over(self, of: str = "") -> None:
        """Note that it worked; with ``of``, that what was met with a text that begins so is over, and nothing else."""
        if not of or (self.text or "").startswith(of):
            if self._logged is not None:
                _logger.info("%s: works again", self._name)
            self.text = self.since = self.row = self.attempt = self._logged = None

    def excused(self) -> None:
        """Note that the place is down: how long the run has failed says nothing about the run then."""
        self.since = None
