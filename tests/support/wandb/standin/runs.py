"""What the service keeps: runs, with the lines of their files by offset."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

HISTORY: Final = "wandb-history.jsonl"
EVENTS: Final = "wandb-events.jsonl"
SUMMARY: Final = "wandb-summary.json"
OUTPUT: Final = "output.log"

SILENCE: Final = 300.0  # seconds without a sign of life, after which a run is shown as crashed


@dataclass
class ServedRun:
    """One run as the service has it.

    Attributes:
        name: the id that the client gave it.
        project: where it is.
        lines: per file, its lines by offset, as they came.
        rewritten: lines of the history that came again with other content: two clients wrote one run.
        config: as the client wrote it, ``{"lr": {"value": 0.1}}``.
        display_name, group, job_type, notes, tags: as shown.
        exit_code: of the last end; none while it runs.
        opened: how often a client began to write it.
        heard: when the last sign of life came, on the monotonic clock.
        files: uploaded, by name.
    """

    name: str
    project: str
    lines: defaultdict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    rewritten: int = 0
    config: dict[str, Any] = field(default_factory=dict)
    display_name: str = ""
    group: str = ""
    job_type: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    exit_code: int | None = None
    opened: int = 0
    heard: float = field(default_factory=time.monotonic)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def history(self) -> list[dict[str, Any]]:
        """The rows, in the order of their lines."""
        return [json.loads(line) for line in self.tail(HISTORY, None)]

    @property
    def summary(self) -> dict[str, Any]:
        """The figures of the whole run."""
        found = self.tail(SUMMARY, 1)
        summary: dict[str, Any] = json.loads(found[0]) if found else {}
        return summary

    @property
    def values(self) -> dict[str, Any]:
        """The config without the client's own part."""
        return {name: entry["value"] for name, entry in self.config.items() if name != "_wandb"}

    @property
    def state(self) -> str:
        """``running``, ``finished``, ``failed`` or ``crashed``."""
        if self.exit_code is not None:
            return "failed" if self.exit_code else "finished"
        return "crashed" if time.monotonic() - self.heard > SILENCE else "running"

    def count(self, file: str) -> int:
        """Return how many lines a file has, holes among them."""
        return max(self.lines[file], default=-1) + 1

    def tail(self, file: str, most: int | None) -> list[str]:
        """Return the last lines of a file, or all."""
        kept = self.lines[file]
        offsets = sorted(kept)
        return [kept[offset] for offset in (offsets if most is None else offsets[-most:])]

    def write(self, file: str, offset: int, lines: Sequence[str]) -> None:
        """Take lines from an offset on, over what is there."""
        kept = self.lines[file]
        for place, line in enumerate(lines, offset):
            if file == HISTORY and place in kept and _row(kept[place]) != _row(line):
                self.rewritten += 1
            kept[place] = line


def _row(line: str) -> dict[str, Any]:
    """Return what a row says, without the seconds since its client began, which a second one counts anew."""
    return {name: value for name, value in json.loads(line).items() if name != "_runtime"}


class ServedRuns:
    """All runs, by project and name. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], ServedRun] = {}
        self.guard = threading.RLock()

    def get(self, project: str, name: str) -> ServedRun | None:
        with self.guard:
            return self._runs.get((project, name))

    def all(self) -> list[ServedRun]:
        with self.guard:
            return list(self._runs.values())

    def upsert(self, project: str, name: str, said: Mapping[str, Any]) -> tuple[ServedRun, bool]:
        """Make a run, or change what is said of it; return it, and whether it is new."""
        with self.guard:
            new = (project, name) not in self._runs
            run = self._runs.setdefault((project, name), ServedRun(name, project, display_name=name))
            run.heard = time.monotonic()
            if said.get("config"):
                run.config = json.loads(said["config"])
            for field_name, variable in _SHOWN.items():
                if said.get(variable) is not None:
                    setattr(run, field_name, said[variable])
            if said.get("program") is not None or new:  # what a client says once, when it begins
                run.opened += 1
                run.exit_code = None
            return run, new

    def stream(self, project: str, name: str, said: Mapping[str, Any]) -> bool:
        """Take a request of a file stream; whether there is such a run."""
        with self.guard:
            run = self._runs.get((project, name))
            if run is None:
                return False
            run.heard = time.monotonic()
            for file, part in (said.get("files") or {}).items():
                run.write(file, part["offset"], part["content"])
            if said.get("complete"):
                run.exit_code = said.get("exitcode", 0)
            return True


_SHOWN: Final = {
    "display_name": "displayName",
    "group": "groupName",
    "job_type": "jobType",
    "notes": "notes",
    "tags": "tags",
}
