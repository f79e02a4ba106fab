"""What one look at the bucket shows, and which workers have stood still for too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sitewire.broker_config.bucket import Entry
from sitewire.workers.ownership import lease
from sitewire.workers.ownership.lease import (
    UNIT_KEYS,
    WORKER_KEYS,
    UnitLease,
    WorkerLease,
    decode_unit,
    decode_worker,
)


@dataclass(frozen=True, slots=True)
class View:
    """The bucket at one moment: the server answers for all keys at once.

    Attributes:
        workers: by id, those that live as far as anybody has said.
        units: by name, those that have, or had, an owner.
        revisions: by key.
    """

    workers: Mapping[str, WorkerLease]
    units: Mapping[str, UnitLease]
    revisions: Mapping[str, int]

    def owner(self, unit: str) -> str | None:
        """Return the id of a unit's owner, or None if it is free: never taken, handed over, or its owner evicted."""
        held = self.units.get(unit)
        return held.worker if held is not None and held.worker in self.workers else None


def read_view(entries: Mapping[str, Entry]) -> View:
    """Read what the bucket holds; keys that are neither are passed over."""
    return View(
        {_rest(key): decode_worker(entry.value) for key, entry in entries.items() if key.startswith(WORKER_KEYS)},
        {_rest(key): decode_unit(entry.value) for key, entry in entries.items() if key.startswith(UNIT_KEYS)},
        {key: entry.revision for key, entry in entries.items()},
    )


class Watch:
    """Since when each worker's key stands still, by our own clock: nobody compares clocks.

    Args:
        own: the id of who watches. Its key stands still while the broker answers but stores nothing, and there is
            nothing to look for then.
    """

    def __init__(self, own: str = "") -> None:
        self._own = own
        self._seen: dict[str, tuple[int, float]] = {}
        self._last = 0.0

    def forget(self) -> None:
        """Count anew: we have not seen whether anybody moved."""
        self._seen.clear()

    def look(self, view: View, now: float) -> list[str]:
        """Take notice of a view; return the ids of the workers that have stood still for ``LEASE``.

        Args:
            view: read just now.
            now: a reading of our clock from after the answer.
        """
        if now - self._last >= lease.LEASE / 2:
            self.forget()  # we stood still ourselves, or the broker did
        self._last = now
        seen: dict[str, tuple[int, float]] = {}
        for worker in view.workers.keys() - {self._own}:
            revision = view.revisions[WORKER_KEYS + worker]
            before = self._seen.get(worker)
            seen[worker] = before if before is not None and before[0] == revision else (revision, now)
        self._seen = seen
        return [worker for worker, (_, since) in seen.items() if now - since >= lease.LEASE]

    def due(self, now: float) -> float:
        """Return in how many seconds the first worker will have stood still for too long, if it does not move."""
        return max(min((since for _, since in self._seen.values()), default=now) + lease.LEASE - now, 0.0)


def _rest(key: str) -> str:
    return key.partition(".")[2]
