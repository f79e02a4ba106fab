"""How many points of runs their growing files show, read on from look to look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb.reader import BESIDE
from support.wandb.tail import Tail


class Shown:
    """The counts of runs of a place.

    Attributes:
        counts: as of the last look.
    """

    def __init__(self, place: Path) -> None:
        self.counts: dict[str, int] = {}
        self._place = place
        self._tails: dict[Path, Tail] = {}

    def look(self) -> Mapping[str, int]:
        """Read on; return the counts by W&B's id."""
        for path in self._place.glob("wandb/*/run-*.wandb"):
            if path.stat().st_size:
                run = path.stem.removeprefix("run-")
                tail = self._tails.setdefault(path, Tail(path))
                self.counts[run] = self.counts.get(run, 0) + sum(map(_points, tail.read()))
        return self.counts

    def of(self, key: RunKey) -> int:
        """Return the count of a run as of the last look."""
        return self.counts.get(run_id(key), 0)


def _points(record: object) -> int:
    items = record.history.item  # type: ignore[attr-defined]  # protobuf makes classes at run time
    keys = [item.key or item.nested_key[0] for item in items]
    return sum(not key.startswith("_") and key not in BESIDE for key in keys)
