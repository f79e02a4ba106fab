"""A batch that is torn anywhere, in whichever of its files, is neither lost nor doubled."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.plugins.hparams.api_pb2 import Status  # pyright: ignore[reportAttributeAccessIssue]  # protobuf
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData  # pyright: ignore[reportAttributeAccessIssue]  # protobuf

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position, StreamKey
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.sinks.contract import Delivery, Outcome
from sitewire.workers.sinks.files import GrowingFile
from sitewire.workers.sinks.tensorboard import run as run_module
from sitewire.workers.sinks.tensorboard.sink import TensorBoardSink
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import VALUES, records_of, span, stream
from support.event_files import expected_events, read_event_files

A, B, R = stream(1), stream(2), stream(1, RecordClass.RUN)

SERIES = (None, "s", None, "t/u", "s", "t/u", None)
"""Neighbours lie in three folders, so that nearly every tear leaves events behind a gap."""


def scalars(key: StreamKey, first: int, end: int) -> Delivery:
    records = [
        Record(
            Kind.SCALAR, f"{key.writer[-1]}{n % 3}", n / 2, 1.7e9 + n, None if n % 4 == 1 else n, series=SERIES[n % 7]
        )
        for n in range(first, end)
    ]
    return span(key, first, records)


def of_the_run(first: int) -> Delivery:
    kinds = (Kind.RUN_START, Kind.PARAM, Kind.TAG, Kind.PARAM, Kind.RUN_END)
    return span(R, first, [Record(kind, f"n/{kind}", VALUES[kind], 1.7e9, None) for kind in kinds])


BEFORE = [scalars(A, 0, 9), of_the_run(0)]
TORN = [
    scalars(A, 9, 23),
    Delivery(A, scalars(A, 23, 26).stretch, Outcome.FILTERED),
    scalars(B, 100, 108),
    Delivery(A, Hole(HoleName.DROPPED, 26, 2)),
    of_the_run(5),
    scalars(A, 28, 35),
]
AFTER = [scalars(A, 35, 44), scalars(B, 108, 116)]
EVERYTHING = [*BEFORE, *TORN, *AFTER]
COUNTED = {
    A: Position(0, 9 + 14 + 7 + 9, 3, holes={HoleName.DROPPED: 2}),
    B: Position(100, 16),
    R: Position(0, 10),
}


@pytest.fixture(autouse=True)
def _no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    # Thousands of recoveries: what is durable is not the question here, only what is in the files.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def appended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bytes]]:
    """What is appended to files, in order."""
    log: list[tuple[Path, bytes]] = []
    append = GrowingFile.append

    def logged(self: GrowingFile, data: bytes) -> None:
        log.append((self.path, data))
        append(self, data)

    monkeypatch.setattr(GrowingFile, "append", logged)
    return log


def tear(root: Path, writes: Sequence[tuple[Path, bytes]], missing: int) -> None:
    """Take back the last bytes that were written, over as many files as it takes."""
    for path, data in reversed(writes):
        cut = min(missing, len(data))
        os.truncate(root / path, (root / path).stat().st_size - cut)
        missing -= cut


async def go_on(place: Path, deliveries: Sequence[Delivery]) -> None:
    async with opened(TensorBoardSink(place)) as sink:
        await (await Runner(sink).open()).finish(*deliveries)


async def check(place: Path) -> None:
    """Deliver everything, and find each event once, in order, and each index counted once."""
    await go_on(place, EVERYTHING)
    async with opened(TensorBoardSink(place)) as sink:
        runner = await Runner(sink).open()
        assert dict(runner.run.positions) == COUNTED
        await runner.run.conclude(Ending(EndingState.FINISHED, 1, 1.7e9))
        await runner.run.close()
    site, run = KEY.tokens
    assert sessions(place / run / site) == [0.001, "STATUS_SUCCESS"]
    found, wanted = list(read_event_files(place / run / site)), list(expected_events(delivered(EVERYTHING)))
    assert len(found) == len(wanted)
    for line in {line for line, _ in wanted}:
        assert [point for at, point in found if at == line] == [point for at, point in wanted if at == line]


def sessions(folder: Path) -> list[object]:
    """Return the parameter and the status that the hparams page takes: the first of either, in the order of files."""
    found: dict[str, object] = {}
    for path in sorted(folder.glob("*tfevents*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if value.tag.startswith("_hparams_/session_"):
                    data = HParamsPluginData.FromString(value.metadata.plugin_data.content)
                    found.setdefault(value.tag, data)
    start, end = (found.pop(f"_hparams_/session_{name}_info") for name in ("start", "end"))
    return [start.session_start_info.hparams["n/param"].number_value, Status.Name(end.session_end_info.status)]  # type: ignore[attr-defined]  # protobuf has no types


def delivered(deliveries: Sequence[Delivery]) -> list[Record]:
    return records_of([item for item in deliveries if item.outcome is Outcome.DELIVERED])


def lengths(total: int, every: int) -> Iterator[int]:
    yield from (0, 1, total - 1, total)
    yield from range(2, total - 1, every)


@pytest.mark.parametrize("committed", [BEFORE, []], ids=["behind a commit", "at the very beginning"])
async def test_a_batch_torn_at_any_byte_of_any_file_is_completed(
    tmp_path: Path, appended: list[tuple[Path, bytes]], committed: list[Delivery]
) -> None:
    origin = tmp_path / "origin"
    if committed:
        await go_on(origin, committed)
    appended.clear()
    async with opened(TensorBoardSink(origin)) as sink:
        runner = await Runner(sink).open()
        await runner.run.write([item for item in [*BEFORE, *TORN] if item not in committed])
        await runner.run.close()
    writes = [(path.relative_to(origin), data) for path, data in appended]
    assert len({path.parent for path, _ in writes}) == 3
    for number, missing in enumerate(lengths(sum(len(data) for _, data in writes), every=31)):
        place = tmp_path / str(number)
        shutil.copytree(origin, place)
        tear(place, writes, missing)
        await check(place)
        shutil.rmtree(place)


@pytest.mark.parametrize("seed", range(60))
async def test_tears_upon_tears_are_completed(
    tmp_path: Path, appended: list[tuple[Path, bytes]], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One owner after another dies in mid-write, with batches cut anew each time, some committed before."""
    monkeypatch.setattr(run_module, "WHOLE_EVERY", 1 + seed % 3)
    chance = random.Random(seed)
    place = tmp_path / "place"
    for _ in range(6):
        async with opened(TensorBoardSink(place)) as sink:
            runner = await Runner(sink).open()
            left = cut_anew(chance, EVERYTHING, runner)
            for _ in range(chance.randrange(3)):
                await runner.deliver(*left[:1])
                left = left[1:]
            appended.clear()
            for _ in range(chance.randrange(1, 3)):  # one commit's writes, torn together
                await runner.run.write(left[: chance.randrange(1, 4)])
                left = cut_anew(chance, EVERYTHING, runner, written=True)
            await runner.run.close()
        tear(place, appended, chance.randrange(1 + sum(len(data) for _, data in appended)))
    await check(place)


def cut_anew(
    chance: random.Random, deliveries: Sequence[Delivery], runner: Runner, *, written: bool = False
) -> list[Delivery]:
    """Return what is left over, in pieces of another size."""
    from sitewire.workers.sinks.testing.runner import remaining

    positions = runner.run._progress.written if written else runner.run.positions  # type: ignore[attr-defined]  # of this sink
    pieces: list[Delivery] = []
    for item in remaining(deliveries, positions):
        if isinstance(item.stretch, Hole):
            pieces.append(item)
            continue
        records = item.stretch.records
        at = 0
        while at < len(records):
            size = chance.randrange(1, len(records) + 1)
            pieces.append(
                Delivery(
                    item.key, span(item.key, item.stretch.first + at, records[at : at + size]).stretch, item.outcome
                )
            )
            at += size
    return pieces


async def test_what_was_counted_behind_a_gap_is_counted_as_the_next_owner_decides(
    tmp_path: Path, appended: list[tuple[Path, bytes]]
) -> None:
    records = [Record(Kind.SCALAR, "x", float(n), 1.7e9, n, series="s" if n == 0 else None) for n in range(3)]
    async with opened(TensorBoardSink(tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(span(B, 0, records[1:2]))  # the run's own file is there, and is written to first
        appended.clear()
        filtered = Delivery(A, span(A, 1, records[1:]).stretch, Outcome.FILTERED)
        await runner.run.write([span(B, 1, records[1:2]), span(A, 0, records[:1]), filtered])
        await runner.run.close()
        tear(tmp_path, appended, len(appended[-1][1]))
        await runner.open()
        assert dict(runner.run.positions) == {A: Position(0), B: Position(0, 2)}
        await runner.deliver(span(A, 0, records[:1]))  # closes the gap, in another file than the torn count's
        await runner.reopen()
        assert dict(runner.run.positions) == {A: Position(0, 1), B: Position(0, 2)}
        await runner.deliver(span(A, 1, records[1:]))
        await runner.reopen()
        assert dict(runner.run.positions) == {A: Position(0, 3), B: Position(0, 2)}
        await runner.run.close()
