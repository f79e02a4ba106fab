"""How dead letters are shown: one by one while they are few, counted by kind when they are many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from sitewire.deploy.dead_letters.box import Kept
from sitewire.deploy.dead_letters.freight import opened
from sitewire.schemas.dead_letter import RecordLetter
from sitewire.schemas.errors import SchemaError
from sitewire.schemas.record import Record

SHOWN_BYTES: Final = 64  # of a message that cannot be read
STORED_TOKENS: Final = 6  # of a subject of metrics, with its partition
_NUMBERS: Final = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Line:
    """One letter, or several of one kind.

    Attributes:
        id: of the first.
        count: how many.
        what: the record's name, or ``message``.
        step: of the record; empty if it has none, or there are several.
        reason: why; of several, of the first.
        time: when the last of them was refused, seconds since the epoch; 0.0 if unknown.
    """

    id: int
    route: str
    run: str
    site: str
    what: str
    step: str
    reason: str
    time: float
    count: int = 1

    @property
    def kind(self) -> tuple[str, ...]:
        """What letters of one kind have in common: all but the numbers in it."""
        return self.route, self.run, self.site, self.what, _NUMBERS.sub("#", self.reason)


def line_of(kept: Kept) -> Line:
    """Return the line of one letter."""
    run, site = (kept.run.run, kept.run.site) if kept.run is not None else ("", "")
    letter = kept.letter
    if letter is None:
        return Line(kept.id, kept.route, run, site, "?", "", kept.problem, 0.0)
    if not isinstance(letter, RecordLetter):
        return Line(kept.id, kept.route, run, site, "message", "", letter.reason, letter.time)
    record = letter.record
    step = "" if record.step is None else str(record.step)
    return Line(kept.id, kept.route, run, site, _name(record), step, letter.reason, letter.time)


def grouped(lines: Iterable[Line]) -> list[Line]:
    """Return one line a kind, in the order in which they first came."""
    found: dict[tuple[str, ...], Line] = {}
    for line in lines:
        first = found.get(line.kind)
        if first is None:
            found[line.kind] = line
        else:
            time = max(first.time, line.time)
            found[line.kind] = replace(first, step="", time=time, count=first.count + line.count)
    return list(found.values())


def details(kept: Kept) -> dict[str, object]:
    """Return everything about a letter as plain values."""
    line, letter = line_of(kept), kept.letter
    found: dict[str, object] = {"id": kept.id, "route": line.route, "run": line.run, "site": line.site}
    if letter is None:
        return found | {"subject": kept.subject, "reason": line.reason}
    found |= {"time": _utc(letter.time), "reason": letter.reason, "error": letter.error, "sink": letter.sink}
    if isinstance(letter, RecordLetter):
        key, record = letter.place.key, letter.record
        found |= {"writer": key.writer, "class": str(key.record_class), "index": letter.place.index}
        return found | {"experiment": letter.experiment, "record": dict(_fields(record))}
    found |= {"subject": _published(letter.stored), "sequence": letter.sequence, "size": letter.size}
    found |= {"begins": letter.data[:SHOWN_BYTES].hex(" ")}
    try:
        envelope = opened(letter)
    except SchemaError as error:
        return found | {"now": str(error)}
    return found | {"now": f"this build reads it: {len(envelope.records)} records from index {envelope.first} on"}


def _published(stored: str) -> str:
    """Return the subject as its site sent it: the stream puts the partition behind the first token."""
    tokens = stored.split(".")
    return ".".join([tokens[0], *tokens[2:]]) if len(tokens) == STORED_TOKENS and tokens[1].isdigit() else stored


def _fields(record: Record) -> Iterator[tuple[str, object]]:
    shown: Mapping[str, object] = {**record._asdict(), "kind": str(record.kind), "time": _utc(record.time)}
    for name, value in shown.items():
        if value is not None:
            # JSON has no word for what is not finite.
            yield name, repr(value) if isinstance(value, float) and not math.isfinite(value) else value


def _name(record: Record) -> str:
    return f"{record.series}/{record.name}" if record.series else record.name


def _utc(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat().replace("+00:00", "Z")
