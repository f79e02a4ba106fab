"""The runs of this process that ``init`` began and nobody has finished, and which of them ``wandb.run`` is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sitewire.collectors.wandb.wandb_run import Run

_active: Final[list[Run]] = []
_current: Final[list[Run]] = []


def begin(run: Run, *, current: bool) -> None:
    """Note a new run.

    Args:
        run: it.
        current: whether ``wandb.run`` is to be this one.
    """
    if not run.disabled:  # a disabled run is in nobody's way
        _active.append(run)
    if current:
        _current[:] = [run]


def end(run: Run) -> None:
    """Note that a run has been finished."""
    _active[:] = [one for one in _active if one is not run]
    _current[:] = [one for one in _current if one is not run]


def latest() -> Run | None:
    """Return the run that began last and goes on, whether or not it is ``wandb.run``."""
    runs = list(_active)
    return runs[-1] if runs else None


def current() -> Run | None:
    """Return what ``wandb.run`` is."""
    runs = list(_current)
    return runs[0] if runs else None


def everything() -> list[Run]:
    """Return the runs that go on."""
    return list(_active)


# A forked child's own ``init`` begins a run of its own, as the original has it; until then it logs to its parent's.
os.register_at_fork(after_in_child=_active.clear)
