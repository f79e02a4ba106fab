"""Runs in W&B that are called otherwise after their begin."""

from __future__ import annotations

from pathlib import Path

from sitewire.schemas.record import Kind, Record, RecordClass
from sitewire.workers.sinks.testing.runner import KEY, Runner, opened
from sitewire.workers.sinks.testing.samples import BEGIN, scalars, span, stream
from sitewire.workers.sinks.wandb import WandbOptions, WandbSink
from sitewire.workers.sinks.wandb.layout import run_id
from support.wandb.reader import read_runs

A = stream(1)
OF_RUN = stream(1, RecordClass.RUN)


async def test_a_run_is_renamed_by_the_tags_of_any_syntax_and_keeps_that_in_its_next_segment(tmp_path: Path) -> None:
    start = Record(Kind.RUN_START, "run_start", {"name": "first", "notes": "none yet"}, BEGIN)
    renamed = [Record(Kind.TAG, "mlflow.runName", "better", BEGIN), Record(Kind.TAG, "wandb.notes", "why", BEGIN)]
    for batch in ([span(OF_RUN, 0, [start])], [span(OF_RUN, 1, renamed)], [scalars(A, 0, 3)]):
        async with opened(WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path)) as sink:
            await (await Runner(sink).open()).finish(*batch)
    infos = [segment.info for segment in read_runs(tmp_path)[run_id(KEY)].segments]
    assert [(info.display_name, info.notes) for info in infos] == [
        ("first", "none yet"),
        ("better", "why"),
        ("better", "why"),
    ]


async def test_notes_that_are_taken_away_are_gone(tmp_path: Path) -> None:
    start = Record(Kind.RUN_START, "run_start", {"notes": "none yet"}, BEGIN)
    async with opened(WandbSink.from_options(WandbOptions(dir=tmp_path, flush_seconds=0), tmp_path)) as sink:
        runner = await Runner(sink).open()
        await runner.deliver(span(OF_RUN, 0, [start]))
        await runner.deliver(span(OF_RUN, 1, [Record(Kind.TAG, "wandb.notes", "", BEGIN)]))
        await runner.deliver(scalars(A, 0, 3))
    assert read_runs(tmp_path)[run_id(KEY)].info.notes == ""
