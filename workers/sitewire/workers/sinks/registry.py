"""Sinks by the name that the config file gives them: entry points of the group ``sitewire.sinks``."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from sitewire.broker_config.model import SinkConfig
from sitewire.workers.errors import SinkMisconfigured
from sitewire.workers.sinks.contract import Sink

GROUP: Final = "sitewire.sinks"


def make_sink(config: SinkConfig) -> Sink:
    """Make the sink of a route.

    Raises:
        SinkMisconfigured: there is no such type, or what brought it is broken.
    """
    return sink_type(config.type).from_options(config.options, config.base)


def sink_type(name: str) -> type[Sink]:
    """Return the sink type of that name.

    Raises:
        SinkMisconfigured: there is none, or what brought it is broken.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        raise SinkMisconfigured(_unknown(name, sorted(points)))
    return _load(points[name])


def _load(point: EntryPoint) -> type[Sink]:
    brought_by = f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown distribution"
    where = f"sink type {point.name!r} ({point.value}, from {brought_by})"
    try:
        found = point.load()
    except Exception as error:  # a plugin's import can raise anything, and the message must name the plugin
        msg = f"{where} cannot be imported: {type(error).__name__}: {error}"
        raise SinkMisconfigured(msg) from error
    if not (isinstance(found, type) and issubclass(found, Sink)):
        msg = f"{where} is no {Sink.__module__}.{Sink.__qualname__}"
        raise SinkMisconfigured(msg)
    if found.name != point.name:
        msg = f"{where} calls itself {found.name!r}"
        raise SinkMisconfigured(msg)
    return found


def _unknown(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"unknown sink type {name!r}{hint} Installed are: {', '.join(known) or 'none'}"
