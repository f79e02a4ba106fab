"""Which series of a run a log directory is.

A ``SummaryWriter`` writes to a directory; TensorBoard calls each one a run. Here all directories of
a process belong to one run of ours. The first is the run itself; a further one is a series of it:

- inside the first: its path relative to the first (``runs/a``, then ``runs/a/val``: ``val``);
- beside the first: its path relative to the first's parent (``runs/a``, then ``runs/b``: ``b``);
- elsewhere: its own name.

If another directory has that series already, ``_2``, ``_3``, ... is put behind it. The same
directories in the same order give the same series.
"""

from __future__ import annotations

import os
from pathlib import PurePath


class Places:
    """The log directories of one run, in the order in which they came."""

    def __init__(self) -> None:
        self._first: PurePath | None = None
        self._series: dict[PurePath, str | None] = {}

    def series(self, log_dir: str) -> str | None:
        """Return the series of a directory, ``None`` for the run itself. Nothing on the disk is looked at."""
        place = PurePath(os.path.abspath(log_dir))  # noqa: PTH100  resolves `..`, follows no links; Path has no such
        if self._first is None:
            self._first = place
            self._series[place] = None
        if place not in self._series:
            self._series[place] = self._unused(_name(place, self._first))
        return self._series[place]

    def _unused(self, name: str) -> str:
        taken, candidate, number = set(self._series.values()), name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        return candidate


def below(series: str | None, name: str) -> str:
    """Return the series ``name`` within another one; parts that would lead out of it are spelled out."""
    parts = [part.replace("..", "__") if part == ".." else part for part in name.split("/") if part not in ("", ".")]
    return "/".join(([] if series is None else [series]) + (parts or ["_"]))


def _name(place: PurePath, first: PurePath) -> str:
    for base in (first, first.parent):
        if place.is_relative_to(base) and place != base:
            return place.relative_to(base).as_posix()
    return place.name or "_"
