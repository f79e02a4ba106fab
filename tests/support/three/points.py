"""Points that are due and points that are there, by name and in their order."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from support.three.book import Said


@dataclass(frozen=True)
class Due:
    """A point that has to be there.

    Attributes:
        value: a number, or text.
        step: None where the tracker has none.
        since, until: seconds since the epoch that its time lies between.
        beside: further fields of it, such as ``round``.
    """

    name: str
    value: Any
    step: int | None
    since: float
    until: float
    beside: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Seen:
    """A point that is there; fields as of ``Due``, and its time."""

    name: str
    value: Any
    step: int | None
    time: float
    beside: tuple[tuple[str, Any], ...] = ()


def differences(due: Iterable[Due], seen: Iterable[Seen], precision: float) -> Iterator[str]:
    """Yield what is missing, too much, or different; times may be off by ``precision`` seconds."""
    wanted, there = _by_name(due), _by_name(seen)
    for name in wanted.keys() | there.keys():
        yield from _differences(name, wanted.get(name, ()), there.get(name, ()), precision)


def of_mappings(what: str, due: Mapping[str, object], seen: Mapping[str, object]) -> Iterator[str]:
    """Yield what two mappings, called ``what``, differ in."""
    for name in sorted(due.keys() | seen.keys()):
        if name not in due:
            yield f"{what} {name!r} is {seen[name]!r}, and nobody said so"
        elif name not in seen:
            yield f"{what} {name!r} is not there, but {due[name]!r} was said"
        elif due[name] != seen[name] or type(due[name]) is not type(seen[name]):
            yield f"{what} {name!r} is {seen[name]!r}, not {due[name]!r}"


def shown_name(said: Said) -> str:
    """Return the name as the table has it: context before it, series before that, except where a series is a folder."""
    return said.name if said.context is None else f"{said.context}/{said.name}"


def shown_step(said: Said) -> int | None:
    """Return the step of a tracker with one axis: its own, else its epoch, else its round."""
    steps = (said.step, said.epoch, said.round)
    return next((step for step in steps if step is not None), None)


def _differences(name: str, due: Sequence[Due], seen: Sequence[Seen], precision: float) -> Iterator[str]:
    if len(due) != len(seen):
        yield f"{name!r} has {len(seen)} points, not {len(due)}"
    for wanted, there in zip(due, seen, strict=False):
        if not _is(wanted, there, precision):
            yield f"{there} is there for {wanted}"
            return  # the others are shifted, mostly


def _is(due: Due, seen: Seen, precision: float) -> bool:
    in_time = due.since - precision <= seen.time <= due.until + precision
    return _equal(due.value, seen.value) and in_time and (due.step, due.beside) == (seen.step, seen.beside)


def _equal(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


def _by_name(points: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for point in points:
        found.setdefault(point.name, []).append(point)
    return found
