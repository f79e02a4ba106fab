"""What runs beside a trainer: it takes what is logged, keeps it on disk, and publishes it.

Lives here: settings, values, the run and what imitates other libraries' calls, the spool (``spool/``), and
what brings it to the broker (``publisher/``). May be changed here: anything, as long as a log call raises
nothing, waits for nothing, and what it accepted is never lost in silence. May import: the standard
library, msgpack, nats-py, ``sitewire.schemas`` and ``sitewire.broker_config``; never ``sitewire.workers``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sitewire.collectors.run import Run

__all__ = ["Run"]


def __getattr__(name: str) -> object:
    """Import ``Run`` when it is first asked for: the spool's tools and the command line do without it."""
    if name in __all__:
        return import_module("sitewire.collectors.run").Run
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
