"""Where the original would write. Here the operator chooses: what a program says is remembered and not followed."""

from __future__ import annotations

from os import PathLike
from typing import Final

from sitewire.collectors.mlflow.known_runs import not_collected

_given: Final[dict[str, str]] = {}


def set_tracking_uri(uri: str | PathLike[str]) -> None:
    """Remember a URI for ``get_tracking_uri``, and count that it is not followed. It may hold a password."""
    _given["uri"] = str(uri)
    not_collected("set_tracking_uri", ": the operator chooses the tracker")


def get_tracking_uri() -> str:
    """Return what was set; nothing is sent there. ``sitewire:`` if nothing was."""
    return _given.get("uri", "sitewire:")


def is_tracking_uri_set() -> bool:
    """Return whether one was set."""
    return bool(_given.get("uri"))
