"""What TensorBoard has to hold of a run, against what its own reader finds in the run's folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from support.hparams_page import python_provider, read_page
from support.live import read_points, read_texts
from support.points import float32
from support.three.book import Said
from support.three.points import Due, Seen, differences, of_mappings, shown_name, shown_step

_PREFIX: Final = {"text": "", "param": "param/", "tag": "tag/", "summary": "summary/"}
_STATUS: Final = {"finished": "STATUS_SUCCESS", "failed": "STATUS_FAILURE"}


def check(folder: Path, said: Sequence[Said]) -> Iterator[str]:
    """Yield what differs from what was said."""
    yield from differences(_scalars(said), _shown_scalars(folder), 0.0)
    yield from differences(_texts(said), _shown_texts(folder), 0.0)
    yield from _sessions(folder, said)


def _scalars(said: Sequence[Said]) -> Iterator[Due]:
    counters: Counter[str] = Counter()
    for item in said:
        if item.kind == "scalar":
            yield _due(item, f"{_line(item)}{shown_name(item)}", float32(item.value), counters)


def _texts(said: Sequence[Said]) -> Iterator[Due]:
    counters: Counter[str] = Counter()
    for item in said:
        if item.kind in _PREFIX:
            yield _due(item, f"{_line(item)}{_PREFIX[item.kind]}{shown_name(item)}", _text(item.value), counters)


def _due(item: Said, name: str, value: Any, counters: Counter[str]) -> Due:
    step = shown_step(item)
    if step is None:
        step, counters[name] = counters[name], counters[name] + 1
    return Due(name, value, step, item.since, item.until)


def _line(item: Said) -> str:
    return f"{item.series}/" if item.series else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _on_the_page(value: object) -> object:
    """Return a parameter as the hparams page has it, which knows numbers, booleans and text."""
    if isinstance(value, (bool, str)):
        return value
    return float(value) if isinstance(value, (int, float)) else str(value)


def _folders(folder: Path) -> Iterator[tuple[str, Path]]:
    for file in {file.parent for file in folder.rglob("*tfevents*")}:
        yield "" if file == folder else f"{file.relative_to(folder)}/", file


def _shown_scalars(folder: Path) -> Iterator[Seen]:
    for line, place in _folders(folder):
        for tag, points in read_points(place).items():
            yield from (Seen(f"{line}{tag}", point.value, point.step, point.time) for point in points)


def _shown_texts(folder: Path) -> Iterator[Seen]:
    for line, place in _folders(folder):
        for tag, step, time, text in read_texts(place):
            yield Seen(f"{line}{tag.removesuffix('/text_summary')}", text, step, time)


def _sessions(folder: Path, said: Sequence[Said]) -> Iterator[str]:
    rows = read_page(python_provider(folder))
    own = {item.name: _on_the_page(item.value) for item in said if item.kind == "param"}
    others: dict[str, dict[str, Any]] = {}
    for item in said:
        if item.kind == "hparams":
            others.setdefault(str(item.series), {})[item.name] = _on_the_page(item.value)
    due: Mapping[str, dict[str, Any]] = others | ({".": own} if own else {})
    yield from of_mappings("sessions", dict.fromkeys(due, True), dict.fromkeys(rows, True))
    for name in due.keys() & rows.keys():
        yield from of_mappings(f"hparam of {name}", due[name], rows[name].params)
    if "." in rows and rows["."].status != _STATUS[said[-1].value]:
        yield f"its session is {rows['.'].status}"
