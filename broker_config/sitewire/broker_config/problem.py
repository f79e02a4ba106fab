"""One thing that is wrong with a config file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, with all that a person needs to mend it.

    Attributes:
        file: the config file.
        line: counted from 1; 0 when the problem is the file's as a whole.
        key: the path of keys, ``routes.hq.sink.type``; empty when the problem is the file's as a whole.
        message: what is wrong.
        suggestion: what to do; may be empty.
    """

    file: Path
    line: int
    key: str
    message: str
    suggestion: str = ""

    def __str__(self) -> str:
        """Return ``file:line: key: message; suggestion``."""
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        parts = (place, self.key, self.message)
        text = ": ".join(part for part in parts if part)
        return f"{text}; {self.suggestion}" if self.suggestion else text
