"""The journal of a trainer: a line for each thing that it said, written when the call has returned."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Said:
    """One thing that a trainer said.

    Attributes:
        kind: ``begin``, ``scalar``, ``text``, ``param``, ``tag``, ``hparams``, ``summary``, ``definition`` or ``end``.
        run: which run of the program: ``""`` is the process's own, the others are nested in it.
        name: of the metric, text, parameter, tag or figure.
        value: as it was given; of an end ``finished`` or ``failed``, of a beginning what is known of the run.
        since, until: the call began and returned between them; both are the time that the call was given.
        step, round, epoch, context, series: where the call puts it, if it does.
    """

    kind: str
    run: str
    name: str
    value: Any
    since: float
    until: float
    step: int | None = None
    round: int | None = None
    epoch: int | None = None
    context: str | None = None
    series: str | None = None


@dataclass
class Book:
    """The journal of one run of a program; those of its further runs write to the same file.

    Attributes:
        path: the file.
        run: as of ``Said``.
    """

    path: Path
    run: str = ""
    _mark: float = field(default_factory=time.time)

    @classmethod
    def open(cls, run: str = "") -> Self:
        """Open the file that the test has named."""
        return cls(Path(os.environ["ACCEPTANCE_JOURNAL"]), run)

    def note(
        self,
        kind: str,
        values: Mapping[str, object],
        *,
        at: float | None = None,
        since: float | None = None,
        **where: Any,
    ) -> float:
        """Write down a call that has returned; return when it began at the earliest.

        Args:
            kind: of what it said.
            values: by name, in the order in which they were said.
            at: the time that the call was given.
            since: of what the call before said too, when that one began.
            where: fields of ``Said``: step, round, epoch, context, series.
        """
        begun = self._mark if since is None else since
        first, until = (begun, time.time()) if at is None else (at, at)
        with self.path.open("a") as file:
            for name, value in values.items():
                said = Said(kind, self.run, name, value, first, until, **where)
                file.write(json.dumps(asdict(said)) + "\n")
        self.mark()
        return begun

    def mark(self) -> None:
        """Say that what is noted next begins now."""
        self._mark = time.time()

    def begin(self, **known: object) -> float:
        """Write down what is known of the run at its beginning; return as ``note`` does."""
        return self.note("begin", {"": known})

    def end(self, status: str) -> None:
        """Write down how it ends; the call follows."""
        self.note("end", {"": status})


def read_runs_of(path: Path) -> Mapping[str, Sequence[Said]]:
    """Return what a program has said, by its run."""
    found: dict[str, list[Said]] = {}
    for line in path.read_text().splitlines():
        said = Said(**json.loads(line))
        found.setdefault(said.run, []).append(said)
    return found
