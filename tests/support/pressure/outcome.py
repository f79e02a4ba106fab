"""What a campaign has come to, as the line that people see."""

from __future__ import annotations

from dataclasses import dataclass

from support.pressure.memory import MemoryWatch
from support.verdict import Verdict


@dataclass(frozen=True)
class Outcome:
    """One line.

    Attributes:
        what: was done.
        verdict: of all trainers, from the place's own files.
        catch_up: seconds from when what was in the way was gone until all had been delivered.
        memory: of each role.
        more: whatever else was measured.
    """

    what: str
    verdict: Verdict
    catch_up: float
    memory: MemoryWatch
    more: str = ""

    def __str__(self) -> str:
        verdict = str(self.verdict)
        rest = f"; {self.more}" if self.more else ""
        return f"{self.what}: {verdict}; catch-up {self.catch_up:.1f} s; at most (own pages) {self.memory}{rest}"
