"""From the files of one class back to its positions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from sitewire.schemas.hole import HoleName
from sitewire.schemas.limits import MAX_INDEX
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import RecordClass
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.point import Point, reached
from sitewire.workers.sinks.contract import Outcome
from sitewire.workers.sinks.files import GrowingFile, settle, sync_folder
from sitewire.workers.sinks.progress import advanced, read_fate

_CHUNK_BYTES: Final = 1 << 20
_FATES: Final = frozenset(str(name).encode() for name in (*Outcome, *HoleName))
_LINE: Final = re.compile(
    rb'\{"writer":"([0-9a-f]{32})","index":(\d{1,19}),'
    rb'(?:"kind":"\w+",.*|"(?:outcome|hole)":"(\w+)","count":(\d{1,19}))\}'
)


@dataclass(slots=True)
class _Line:
    """Where one writer's numbering stands while lines are read."""

    base: int
    next: int
    others: dict[bytes, int] = field(default_factory=dict)

    def position(self) -> Position:
        """Return it as a position: what is counted as nothing else was delivered."""
        position = Position(self.base, self.next - self.base - sum(self.others.values()))
        for fate, count in self.others.items():
            position = advanced(position, read_fate(fate.decode()), count)
        return position


@dataclass(slots=True)
class Recovered:
    """What the files of a run hold.

    Attributes:
        positions: of all classes.
        files: per class, the last file if it can be gone on with; ``None`` if it ends in a torn line.
        numbers: per class, the number of the last file.
    """

    positions: dict[StreamKey, Position] = field(default_factory=dict)
    files: dict[RecordClass, GrowingFile | None] = field(default_factory=dict)
    numbers: dict[RecordClass, int] = field(default_factory=dict)


def recover(folder: Path) -> Recovered:
    """Read what the files of a run hold, and make it durable.

    Raises:
        PlaceUnreadable: indexes are missing: somebody has edited the files.
        OSError: they cannot be read.
    """
    found = Recovered()
    if not folder.is_dir():
        return found
    for above in (folder.parent.parent, folder.parent, folder):
        sync_folder(above)
    for record_class in RecordClass:
        _recover_class(found, folder, record_class)
    return found


def file_name(record_class: RecordClass, number: int) -> str:
    """Return the name of a class's first, second, ... file."""
    return f"{record_class}.jsonl" if number == 1 else f"{record_class}.{number}.jsonl"


def _recover_class(found: Recovered, folder: Path, record_class: RecordClass) -> None:
    writers: dict[bytes, _Line] = {}
    numbers = _numbers(folder, record_class)
    reached(Point.RUN_LISTED)
    for number in numbers:
        path = folder / file_name(record_class, number)
        settle(path)
        with path.open("rb", buffering=0) as file:
            clean = _read_file(path, file, writers)
        found.numbers[record_class] = number
        found.files[record_class] = GrowingFile(path, path.stat().st_size) if clean else None
    for writer, line in writers.items():
        found.positions[StreamKey(writer.decode(), record_class)] = line.position()


def _numbers(folder: Path, record_class: RecordClass) -> list[int]:
    pattern = re.compile(rf"{record_class}(?:\.([1-9]\d*))?\.jsonl")
    return sorted(int(match[1] or 1) for path in folder.iterdir() if (match := pattern.fullmatch(path.name)))


def _read_file(path: Path, file: BinaryIO, writers: dict[bytes, _Line]) -> bool:
    """Count a file's lines; return whether it ends with a whole one."""
    for text, ended in _lines(file):
        match = _LINE.fullmatch(text)
        # Torn right before its line end a line is whole for a JSON parser: then it counts.
        if match is None or not (ended or _is_json(text)):
            return False
        _count(path, writers, match)
        if not ended:
            return False
    return True


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    rest = b""
    while chunk := file.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\n")
        for text in whole:
            yield text, True
    if rest:
        yield rest, False


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _count(path: Path, writers: dict[bytes, _Line], match: re.Match[bytes]) -> None:
    writer, index, fate, count = match.groups()
    first = int(index)
    line = writers.get(writer)
    if line is None:
        line = writers[writer] = _Line(first, first)
    if first != line.next:
        msg = f"{path}: writer {writer.decode()}: index {first} follows {line.next - 1}; put the missing lines back"
        raise PlaceUnreadable(msg)
    if fate is None:
        line.next += 1
    else:
        line.next += int(count)
        line.others[fate] = line.others.get(fate, 0) + int(count)
    if line.next > MAX_INDEX or (fate is not None and fate not in _FATES):
        msg = f"{path}: writer {writer.decode()}: no outcome of so many indexes: {match[0][:200]!r}"
        raise PlaceUnreadable(msg)
