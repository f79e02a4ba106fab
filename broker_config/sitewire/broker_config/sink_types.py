"""Sink types, found by their entry points: this folder imports no sink by name."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel

GROUP: Final = "sitewire.sinks"


class SinkObject(Protocol):
    """What is asked of a sink here."""

    @property
    def identity(self) -> str:
        """Type and place."""
        ...


class SinkType(Protocol):
    """What is asked of a sink's class here; the whole contract is the workers' folder's."""

    Options: type[BaseModel]

    def from_options(self, options: Any, base: Path) -> SinkObject:  # noqa: ANN401  each class has Options of its own
        """Make a sink; no I/O."""
        ...


def sink_types() -> Mapping[str, EntryPoint]:
    """Return the installed sink types by name."""
    return {point.name: point for point in entry_points(group=GROUP)}


def load_sink_type(point: EntryPoint) -> SinkType:
    """Import a sink type's class.

    Raises:
        ImportError: its module, or a library that it needs, is not installed.
        TypeError: it is no sink's class.
    """
    found: SinkType = point.load()
    if not (hasattr(found, "Options") and hasattr(found, "from_options")):
        msg = f"{point.value} is no sink: it has no `Options` and `from_options`"
        raise TypeError(msg)
    return found
