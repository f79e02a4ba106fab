"""JSON lines torn at any byte are gone on with in a new file; what is in the old one stays as it is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position
from sitewire.schemas.record import RecordClass
from sitewire.workers.errors import PlaceUnreadable
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.jsonl import JsonlSink
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import record_at, scalars, span, stream

A, B, M = stream(1), stream(2), stream(1, RecordClass.MEDIA)

BEFORE = [scalars(A, 0, 2)]
TORN = [
    scalars(A, 2, 4),
    Delivery(A, scalars(A, 4, 7).stretch, Outcome.REFUSED),
    scalars(B, 50, 52),
    span(M, 0, [record_at(M, index) for index in range(2)]),
    Delivery(A, Hole(HoleName.DAMAGED, 7, 5)),
]
EVERYTHING = [*BEFORE, *TORN, scalars(A, 12, 14)]
COUNTED = {
    A: Position(0, 6, refused=3, holes={HoleName.DAMAGED: 5}),
    B: Position(50, 2),
    M: Position(0, 2),
}


async def go_on(place: Path, *deliveries: Delivery) -> None:
    async with opened(JsonlSink(place)) as sink:
        await (await Runner(sink).open()).finish(*deliveries)


def folder(place: Path) -> Path:
    site, run = KEY.tokens
    return place / run / site


def lines(place: Path, name: str) -> list[tuple[str, int]]:
    """Writer and index of each whole line, over all files of a class."""
    found = []
    for path in sorted(folder(place).glob(f"{name}*.jsonl"), key=lambda path: (len(path.name), path.name)):
        for text in path.read_text().split("\n"):
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                break
            found.append((line["writer"], line["index"]))
    return found


async def test_lines_torn_anywhere_are_completed_in_a_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # hundreds of recoveries; only the content matters here
    origin = tmp_path / "origin"
    await go_on(origin, *BEFORE)
    file = folder(origin) / "scalars.jsonl"
    before = file.stat().st_size
    await go_on(origin, *BEFORE, *TORN)
    whole = file.read_bytes()
    ends = [size for size in range(before, len(whole) + 1) if b"\n" in whole[size - 1 : size + 2]]
    for size in sorted({*ends, *range(before, len(whole) + 1, 11)}):
        place = tmp_path / "torn"
        shutil.copytree(origin, place)
        torn = folder(place) / "scalars.jsonl"
        os.truncate(torn, size)
        content = torn.read_bytes()
        await go_on(place, *EVERYTHING)
        async with opened(JsonlSink(place)) as sink:
            assert dict((await Runner(sink).open()).run.positions) == COUNTED
        at = {(A.writer, index) for index in (0, 1, 2, 3, 4, 7, 12, 13)} | {(B.writer, 50), (B.writer, 51)}
        found = lines(place, "scalars")
        assert sorted(found) == sorted(at)
        assert torn.read_bytes().startswith(content)
        assert (folder(place) / "scalars.2.jsonl").exists() != content.endswith(b"\n")
        shutil.rmtree(place)


async def test_a_missing_line_is_named_and_not_counted_over(tmp_path: Path) -> None:
    await go_on(tmp_path, scalars(A, 0, 5))
    file = folder(tmp_path) / "scalars.jsonl"
    whole = file.read_text().splitlines(keepends=True)
    file.write_text("".join(whole[:2] + whole[3:]))
    with pytest.raises(PlaceUnreadable, match=r"scalars\.jsonl.*index 3 follows 1"):
        await go_on(tmp_path, scalars(A, 5, 6))


async def test_a_text_that_looks_like_a_count_is_a_record(tmp_path: Path) -> None:
    text = '","index":0,"outcome":"filtered","count":9}\n{"writer":"'
    record = record_at(M, 0)._replace(value=text, name=text)
    await go_on(tmp_path, span(M, 0, [record, record]))
    async with opened(JsonlSink(tmp_path)) as sink:
        assert dict((await Runner(sink).open()).run.positions) == {M: Position(0, 2)}
    line = json.loads((folder(tmp_path) / "media.jsonl").read_text().split("\n")[0])
    assert (line["value"], line["name"]) == (text, text)
