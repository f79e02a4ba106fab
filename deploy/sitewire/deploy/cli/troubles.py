"""What keeps workers from delivering, in lines: what is one trouble for whoever mends it is one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sitewire.deploy.workforce import OutageHealth, PartitionHealth

_LOCKED: Final = re.compile(r".*/\d+\.lock: (?P<holder>held by .+?)(?: since (?P<since>\S+))?")
_PROCESS: Final = "held by process "


def troubles(partitions: Iterable[tuple[str, PartitionHealth]]) -> list[str]:
    """Return a line for each trouble; those that differ only in route, partition and time are one.

    That a place takes nothing is for ``outages`` to say.

    Args:
        partitions: with the names of their routes, those without trouble too.
    """
    groups: dict[str, list[tuple[str, PartitionHealth]]] = {}
    for route, partition in partitions:
        if partition.trouble and not partition.place_down:
            groups.setdefault(_holder(partition.trouble), []).append((route, partition))
    return [_line(what, group) for what, group in groups.items()]


def outages(routes: Iterable[tuple[str, str, Sequence[OutageHealth]]], now: float) -> list[str]:
    """Return a line for each place that takes nothing, whatever routes and workers find that.

    Args:
        routes: names, places, and who finds that they take nothing; those that nobody does too.
        now: seconds since the epoch.
    """
    names: dict[str, list[str]] = {}
    found: dict[str, dict[str, OutageHealth]] = {}
    for route, place, of_route in routes:
        if of_route:
            names.setdefault(place, []).append(route)
            found.setdefault(place, {}).update({outage.worker: outage for outage in of_route})
    return [_outage(", ".join(names[place]), place, list(of.values()), now) for place, of in found.items()]


def _outage(routes: str, place: str, found: Sequence[OutageHealth], now: float) -> str:
    first = min(found, key=lambda outage: outage.since)
    again = min(outage.next_try for outage in found) - now
    when = f"tried again in {again:.0f} s" if again > 0 else "tried now"
    who = first.process + (f" and {len(found) - 1} more" if len(found) > 1 else "")
    return f"{routes}: {place} takes nothing since {max(now - first.since, 0):.0f} s ({who}): {first.why}; {when}"


def _holder(trouble: str) -> str:
    """Return who holds a lock, or the trouble as it is."""
    locked = _LOCKED.fullmatch(trouble)
    return locked["holder"] if locked else trouble


def _line(what: str, group: list[tuple[str, PartitionHealth]]) -> str:
    (route, partition), *more = group
    if not more:
        return f"{route} p{partition.number}: {partition.trouble}"
    names = ", ".join(dict.fromkeys(name for name, _ in group))
    line = f"{len(group)} partitions of {names} wait: {what}"
    locked = [_LOCKED.fullmatch(partition.trouble) for _, partition in group]
    since = min((found["since"] for found in locked if found and found["since"]), default="")
    line += f" since {since}" if since else ""
    return f"{line}: let it go on, or kill it" if what.startswith(_PROCESS) else line
