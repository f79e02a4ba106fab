"""An owner that was stopped, taken for dead and continued does no harm to its successor's run."""

from __future__ import annotations

import asyncio

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.receipt import Position
from sitewire.schemas.record import Kind, RecordClass
from sitewire.workers.sinks.mlflow.positions import encode_position, position_tag
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.testing.samples import BEGIN, stream
from support.mlflow.owners import KEY, Owners, deliveries, record
from support.mlflow.server import MlflowServer

RUN = stream(1, RecordClass.RUN)


async def test_tags_that_a_continued_owner_sets_back_are_put_right_when_the_run_ends(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    bests = [record(Kind.SUMMARY, "best", float(n)) for n in range(4)]
    await runner.deliver(*deliveries(*bests[:2]))
    await runner.deliver(*deliveries(*bests[2:], first=2))
    run = mlflow_on_sqlite.store.run(KEY.site, KEY.run)
    late = Request()  # what the other one was about to send when it was stopped
    late.tags = {"summary.best": "1.0", position_tag(RUN): encode_position(Position(delivered=2))}
    place = runner.sink._place  # type: ignore[attr-defined]  # of this sink
    await asyncio.to_thread(place.tracker.log, run.id, late)
    assert mlflow_on_sqlite.store.run(KEY.site, KEY.run).tags["summary.best"] == "1.0"
    await runner.run.conclude(Ending(EndingState.FINISHED, 1, BEGIN + 9))
    tags = mlflow_on_sqlite.store.run(KEY.site, KEY.run).tags
    assert tags["summary.best"] == "3.0"
    assert tags[position_tag(RUN)] == encode_position(Position(delivered=4))


async def test_what_a_person_has_changed_is_left_alone(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(*deliveries(record(Kind.TAG, "colour", "blue")))
    run = mlflow_on_sqlite.store.run(KEY.site, KEY.run)
    edited = Request()
    edited.tags = {"colour": "red"}
    place = runner.sink._place  # type: ignore[attr-defined]  # of this sink
    await asyncio.to_thread(place.tracker.log, run.id, edited)
    await runner.run.conclude(Ending(EndingState.FINISHED, 1, BEGIN + 9))
    assert mlflow_on_sqlite.store.run(KEY.site, KEY.run).tags["colour"] == "red"
