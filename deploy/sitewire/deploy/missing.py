"""What a config file asks for that is not on this machine. The file may be right for another one, where workers run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

from sitewire.broker_config.model import Config, Route
from sitewire.broker_config.sink_types import sink_types

_FILE: Final = re.compile(r"(.+_)?file")
"""Keys of sinks that name a file which has to be there; what a sink makes itself is called otherwise."""

_REQUIREMENT: Final = re.compile(r"""(?P<name>[A-Za-z0-9._-]+).*;.*\bextra\s*==\s*["'](?P<extra>[^"']+)["']""")


def missing(config: Config) -> list[str]:
    """Return a line for each file that is not there, and each route whose libraries are not. Asks the disk."""
    broker = {"creds": config.broker.creds, "ca": config.broker.ca}
    lines = [f"broker: {_no_file(key, path)}" for key, path in broker.items() if path is not None and not path.exists()]
    for route in config.routes:
        lines += [f"{route.name}: {what}" for what in (*_files(route), *_libraries(route))]
    return lines


def _files(route: Route) -> Iterator[str]:
    for key, value in route.sink.options:
        if isinstance(value, Path) and _FILE.fullmatch(key):
            path = route.sink.base / value.expanduser()
            if not path.exists():
                yield _no_file(key, path)


def _no_file(key: str, path: Path) -> str:
    return f"{key}: {path} does not exist"


def _libraries(route: Route) -> Iterator[str]:
    """Go by what the distribution that brings the sink says of its extra of the sink's name."""
    point = sink_types().get(route.sink.type)
    brought_by = point.dist if point is not None else None
    if brought_by is None:
        return
    absent = [name for name in _required(brought_by, route.sink.type) if not _is_installed(name)]
    if absent:
        is_not = "is not" if len(absent) == 1 else "are not"
        yield f'{", ".join(absent)} {is_not} installed: pip install "{brought_by.name}[{route.sink.type}]"'


def _required(brought_by: Distribution, extra: str) -> Iterator[str]:
    for line in brought_by.requires or ():
        found = _REQUIREMENT.match(line)
        if found is not None and found["extra"] == extra:
            yield found["name"]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
