"""Which run counts: made once by many, found again, and what people do to it meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from sitewire.schemas.hole import Hole, HoleName
from sitewire.schemas.receipt import Position
from sitewire.workers import point
from sitewire.workers.errors import Temporary
from sitewire.workers.point import Point
from sitewire.workers.sinks.contract import Delivery
from sitewire.workers.sinks.mlflow.creation import claim_of_run
from sitewire.workers.sinks.mlflow.errors import RunDeleted
from sitewire.workers.sinks.mlflow.tracker import Tracker
from sitewire.workers.sinks.testing.claims import FileClaims
from sitewire.workers.sinks.testing.runner import Runner
from sitewire.workers.sinks.testing.samples import scalars, stream
from support.mlflow.owners import KEY, Owners
from support.mlflow.server import MlflowServer

A = stream(1)


def tracker_of(runner: Runner) -> Tracker:
    """MLflow's own store, for what a person does."""
    tracker: Tracker = runner.sink._place.tracker  # type: ignore[attr-defined]  # of this sink
    return tracker


async def test_of_eight_workers_that_make_a_run_at_once_one_makes_it(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runners = [await owners.runner(mlflow_on_sqlite.url, timeout_seconds=29 - n) for n in range(8)]
    await asyncio.gather(*(_insist(runner) for runner in runners))
    runs = mlflow_on_sqlite.store.runs()
    assert [(run.site, run.name) for run in runs] == [("clinic", "clinic")]
    assert sum(map(len, runs[0].metrics.values())) == 40


async def test_of_eight_workers_on_postgres_one_makes_the_run(mlflow_on_postgres: MlflowServer, owners: Owners) -> None:
    runners = [await owners.runner(mlflow_on_postgres.url, timeout_seconds=29 - n) for n in range(8)]
    await asyncio.gather(*(_insist(runner) for runner in runners))
    runs = mlflow_on_postgres.store.runs()
    assert [(run.site, run.name) for run in runs] == [("clinic", "clinic")]
    assert sum(map(len, runs[0].metrics.values())) == 40


async def test_a_creator_that_died_before_its_claim_leaves_no_second_run(
    mlflow_on_sqlite: MlflowServer, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):
        pass

    def die(at: Point) -> None:
        if at is Point.RUN_CREATED:
            raise Died

    runner = await owners.runner(mlflow_on_sqlite.url)
    with monkeypatch.context() as patched:
        patched.setattr(point, "_handlers", [die])
        with pytest.raises(Died):
            await runner.deliver(scalars(A, 0, 5))
    assert len(mlflow_on_sqlite.store.runs()) == 1
    await (await owners.runner(mlflow_on_sqlite.url)).finish(scalars(A, 0, 5))
    (run,) = mlflow_on_sqlite.store.runs()
    assert await owners.claims.read(claim_of_run(KEY)) == run.id


async def test_what_others_left_of_a_run_is_deleted_when_it_is_opened(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    elsewhere = Owners(owners._folder / "elsewhere", owners._stack)  # who knows nothing of the claims
    late = await elsewhere.runner(mlflow_on_sqlite.url)
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(scalars(A, 0, 5))
    await elsewhere.claims.claim(claim_of_run(KEY), "0" * 32)  # so that the late one makes a run of its own
    tracker = tracker_of(late)
    (mine,) = mlflow_on_sqlite.store.runs()
    copy = await asyncio.to_thread(tracker.get, mine.id)
    await asyncio.to_thread(
        lambda: tracker._store.create_run(copy.experiment_id, "x", 0, [_tag("sitewire.key", claim_of_run(KEY))], "x")
    )
    assert len(mlflow_on_sqlite.store.runs()) == 2
    await runner.reopen()
    assert mlflow_on_sqlite.store.runs() == [mlflow_on_sqlite.store.run("clinic", "job")]
    assert runner.run.positions == {A: Position(delivered=5)}


async def test_a_run_is_found_when_the_broker_has_lost_its_store_and_with_it_the_claims(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    await (await owners.runner(mlflow_on_sqlite.url)).finish(scalars(A, 0, 5))
    owners.claims = FileClaims(owners._folder / "new")
    runner = await owners.runner(mlflow_on_sqlite.url)
    assert runner.run.positions == {A: Position(delivered=5)}
    await runner.finish(scalars(A, 0, 9))
    (run,) = mlflow_on_sqlite.store.runs()
    assert sum(map(len, run.metrics.values())) == 9


async def test_a_run_in_the_bin_is_waited_for_and_says_how_it_is_restored(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(scalars(A, 0, 5))
    (run,) = mlflow_on_sqlite.store.runs()
    tracker = tracker_of(runner)
    await asyncio.to_thread(tracker.delete, run.id)
    with pytest.raises(Temporary):
        await runner.deliver(scalars(A, 5, 9))
    with pytest.raises(RunDeleted, match=f"mlflow runs restore --run-id {run.id}"):
        await runner.reopen()
    await asyncio.to_thread(tracker._store.restore_run, run.id)
    await runner.reopen()
    await runner.finish(scalars(A, 0, 9))
    assert mlflow_on_sqlite.store.count("clinic", "job") == 9


async def test_an_experiment_in_the_bin_is_waited_for(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(scalars(A, 0, 5))
    tracker = tracker_of(runner)
    experiment = await asyncio.to_thread(tracker.experiment, "experiment")
    await asyncio.to_thread(tracker._store.delete_experiment, experiment)
    with pytest.raises(RunDeleted, match=f"mlflow experiments restore --experiment-id {experiment}"):
        await runner.reopen()
    other = await Runner(runner.sink, type(KEY)("elsewhere", "job")).open()
    with pytest.raises(RunDeleted, match="mlflow experiments restore"):
        await other.deliver(scalars(A, 0, 5))
    await asyncio.to_thread(tracker._store.restore_experiment, experiment)
    await runner.reopen()
    await runner.finish(scalars(A, 0, 9))
    assert mlflow_on_sqlite.store.count("clinic", "job") == 9


async def test_a_run_that_the_tracker_has_no_more_is_made_again(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(scalars(A, 0, 5))
    (gone,) = mlflow_on_sqlite.store.runs()
    mlflow_on_sqlite.store.forget(gone.id)
    with pytest.raises(Temporary):
        await runner.deliver(scalars(A, 5, 9))
    await runner.reopen()
    assert runner.run.positions == {}
    await runner.finish(scalars(A, 0, 9))
    (run,) = mlflow_on_sqlite.store.runs()
    assert run.id != gone.id
    assert mlflow_on_sqlite.store.count("clinic", "job") == 9


async def test_a_run_of_which_all_is_lost_so_far_has_not_begun_in_1970(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    began = time.time()
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(Delivery(A, Hole(HoleName.DROPPED, 0, 5)))
    (run,) = mlflow_on_sqlite.store.runs()
    assert run.start is not None
    assert int(began * 1000) <= run.start


async def _insist(runner: Runner) -> None:
    for turn in range(20):
        try:
            if turn:
                await runner.reopen()
            await runner.finish(scalars(A, 0, 40))
        except Temporary:
            continue
        return
    raise AssertionError


def _tag(key: str, value: str) -> object:
    from mlflow.entities import RunTag

    return RunTag(key, value)
