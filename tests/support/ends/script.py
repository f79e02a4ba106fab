"""What an ending is told: where it logs, and when the broker's state has changed."""

from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

from support.ends.ledger import Ledger
from support.ends.syntaxes import Log, open_log

FIRST, LAST = 60, 40
"""Log calls before the broker's state changes, and after it."""


class Script:
    """The part of a trial that its program plays.

    Can be sent to a child: that opens the ledger and begins to log by itself.

    Args:
        syntax: of the log calls.
        ledger: the file.
        ending: its name.
    """

    def __init__(self, syntax: str, ledger: Path, ending: str) -> None:
        self.syntax, self.path, self.ending = syntax, ledger, ending
        self.ledger = Ledger(ledger)
        self._log: Log | None = None

    def __reduce__(self) -> tuple[type[Script], tuple[str, Path, str]]:
        return Script, (self.syntax, self.path, self.ending)

    def log(self, lane: int, count: int) -> None:
        """Log so many points."""
        if self._log is None:
            self._log = open_log(self.syntax)
        for _ in range(count):
            number = self.ledger.lane(lane).attempted
            self.ledger.begin(lane)
            self._log(f"lane-{lane}", number)
            self.ledger.done(lane)

    def log_for_ever(self, lane: int, seconds: float = 1e9) -> None:
        """Log a point each millisecond or so."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.log(lane, 1)
            time.sleep(0.001)

    def begin(self) -> None:
        """Log the first part, wait until the broker's state has changed, and log the last part."""
        self.log(0, FIRST)
        self.ledger.wait_for_go()
        self.log(0, LAST)

    def wait_until(self, lane: int, count: int) -> None:
        """Wait until another process or thread has logged so much."""
        for _ in itertools.count():
            if self.ledger.lane(lane).accepted >= count:
                return
            time.sleep(0.002)

    def ends(self, *open_lanes: int) -> None:
        """Say that the next statement is the end."""
        self.ledger.mark_end(*open_lanes)

    def command(self, ending: str) -> list[str]:
        """Return the command line of this program with another ending."""
        return [sys.executable, "-m", "support.ends.program", ending, self.syntax, str(self.path)]

    def child_command(self, lane: int) -> list[str]:
        """Return that of a program that logs into a lane, and ends."""
        return [*self.command("a_child"), str(lane)]
