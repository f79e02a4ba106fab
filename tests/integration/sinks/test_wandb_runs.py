"""Runs in W&B over their life: quiet for a while, renamed, ended and gone on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position
from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, records_of, scalars, span, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink, idle, run
from sitewire.workers.sinks.wandb.layout import run_id
from sitewire.workers.sinks.wandb.run import WandbRun
from support.wandb.expected import entries, expected
from support.wandb.reader import Run, read_runs

A = stream(1)
OF_RUN = stream(1, RecordClass.RUN)
FINISHED = Ending(EndingState.FINISHED, 1, BEGIN + 60)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def make_sink(place: Path) -> WandbSink:
    return WandbSink.from_options(WandbOptions(dir=place, flush_seconds=0), place)


def read(place: Path, key: RunKey = KEY) -> Run:
    return read_runs(place)[run_id(key)]


async def test_a_run_that_is_quiet_for_a_while_goes_on_in_its_segment(place: Path) -> None:
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        for first in range(0, 15, 5):
            await runner.deliver(scalars(A, first, first + 5))
            await runner.reopen()
            assert runner.run.positions == {A: Position(delivered=first + 5)}
        await runner.run.close()
    assert len(read(place).segments) == 1
    assert list(entries(read(place))) == list(expected(records_of([scalars(A, 0, 15)])))


async def test_of_many_quiet_runs_the_longest_quiet_one_is_closed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "MOST_IDLE", 1)
    keys = [RunKey("site", name) for name in ("one", "two")]
    async with opened(make_sink(place)) as sink:
        runners = [await Runner(sink, key).open() for key in keys]
        for runner in runners:
            await runner.deliver(scalars(A, 0, 5))
            await runner.run.close()
        for runner in runners:
            await runner.open()
            await runner.finish(scalars(A, 0, 9))
    assert [len(read(place, key).segments) for key in keys] == [2, 2]
    for key in keys:
        assert list(entries(read(place, key))) == list(expected(records_of([scalars(A, 0, 9)])))


async def test_a_segment_is_bounded_and_each_says_all_that_was_before(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_SEGMENT_BYTES", 1)
    about = [
        Record(Kind.PARAM, "lr", 0.1, BEGIN),
        Record(Kind.TAG, "baseline", "", BEGIN),
        Record(Kind.SUMMARY, "best", 0.9, BEGIN),
        Record(Kind.SUMMARY, "loss-01", 7.5, BEGIN),
        Record(Kind.DEFINITION, "val/*", {"step_metric": "epoch", "summary": "max"}, BEGIN),
        Record(Kind.RUN_START, "run_start", {"name": "n", "group": "g", "job_type": "j", "notes": "no"}, BEGIN),
    ]
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(span(OF_RUN, 0, about), scalars(A, 0, 5))
        await runner.deliver(scalars(A, 5, 9))
        await runner.run.close()
    async with opened(make_sink(place)) as sink:
        await (await Runner(sink).open()).finish(scalars(A, 0, 12))
    segments = read(place).segments
    assert [len(segment.rows) for segment in segments] == [6, 4, 3]  # the first one's last row counts the summary
    for segment in segments:
        assert (segment.config["lr"], segment.summary["best"], segment.summary["loss-01"]) == (0.1, 0.9, 7.5)
        assert {"*", "val/*", "loss-01", "_sitewire"} <= segment.definitions.keys()
        assert segment.definitions["val/*"].summary.max
        info = segment.info
        assert (list(info.tags), info.display_name, info.run_group, info.job_type) == (["baseline"], "n", "g", "j")
        assert (info.notes, info.project) == ("no", "experiment")
    numbers = [row.number for segment in segments for row in segment.rows]
    assert numbers == list(range(13))


async def test_a_group_that_is_said_late_is_taken_with_a_new_segment(place: Path) -> None:
    start = Record(Kind.RUN_START, "run_start", {"name": "n", "group": "g", "parent": "p"}, BEGIN)
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(scalars(A, 0, 5))
        assert (read(place).info.display_name, read(place).info.run_group) == (KEY.site, KEY.run)
        await runner.finish(span(OF_RUN, 0, [start]))
    found = read(place)
    assert (found.info.display_name, found.info.run_group, len(found.segments)) == ("n", "g", 2)
    assert found.config["sitewire"] == {"site": KEY.site, "run": KEY.run, "parent": "p"}
    assert list(entries(found)) == list(expected(records_of([scalars(A, 0, 5)])))


async def test_records_that_come_after_the_end_leave_the_run_ended(place: Path) -> None:
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(scalars(A, 0, 5))
        await runner.run.conclude(FINISHED)
        await runner.run.conclude(FINISHED)
        await runner.deliver(scalars(A, 5, 9))
        assert read(place).exit is None
        await runner.run.close()
        await runner.open()
        await runner.run.close()
    assert (read(place).exit, len(read(place).segments)) == (0, 2)


async def test_an_end_that_a_killed_owner_did_not_show_again_is_shown_by_the_next(place: Path) -> None:
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.run.conclude(FINISHED)
        await runner.run.write([scalars(A, 0, 5)])
        assert isinstance(runner.run, WandbRun)
        runner.run._sound = False  # as after a failure: its segment is left without an exit code
        await runner.reopen()
        assert read(place).exit is None
        await runner.run.close()
    assert (read(place).exit, list(entries(read(place)))) == (0, list(expected(records_of([scalars(A, 0, 5)]))))


async def test_points_of_two_axes_that_come_late_are_all_there(place: Path) -> None:
    """As a federated trainer logs them: some by round, others by epoch, and a slow site last."""
    by_round = [Record(Kind.SCALAR, "acc", n / 50, BEGIN + n, None, round=n) for n in range(50)]
    by_epoch = [Record(Kind.SCALAR, "loss", 1 / (n + 1), BEGIN + n / 5, n, epoch=n) for n in range(250)]
    async with opened(make_sink(place)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(span(A, 0, by_epoch))
        await runner.finish(span(stream(2), 0, by_round))
    points = read(place).points
    assert [(p.step, p.round) for p in points if p.name == "acc"] == [(None, n) for n in range(50)]
    assert [(p.step, p.epoch, p.time) for p in points if p.name == "loss"] == [
        (n, n, BEGIN + n / 5) for n in range(250)
    ]
