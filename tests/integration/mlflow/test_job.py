"""The sites of a job are nested in one run, which stands as they do."""

from __future__ import annotations

import asyncio

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.testing.runner import Runner
from sitewire.workers.sinks.testing.samples import BEGIN
from support.mlflow.owners import KEY, Owners, deliveries, record, start
from support.mlflow.server import MlflowServer

FINISHED, FAILED, RUNNING = EndingState.FINISHED, EndingState.FAILED, EndingState.RUNNING
SITES = [RunKey(f"site-{n}", "job") for n in range(4)]


def ending(state: EndingState, after: float = 60.0, attempt: int = 1) -> Ending:
    return Ending(state, attempt, BEGIN + after)


async def test_the_sites_of_a_job_are_nested_in_one_run_that_ends_with_the_last(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runners = [await owners.runner(mlflow_on_sqlite.url, key, timeout_seconds=30 - n) for n, key in enumerate(SITES)]
    store = mlflow_on_sqlite.store
    await asyncio.gather(*(runner.deliver(*deliveries(start(group="g", job="j-1"))) for runner in runners))
    job = store.job("job")
    assert (job.name, job.status, job.experiment) == ("job", "RUNNING", "experiment")
    assert [store.run(key.site, "job").parent for key in SITES] == [job.id] * 4
    assert len(store.runs()) == 5
    assert {store.run(key.site, "job").tags["sitewire.job"] for key in SITES} == {"j-1"}
    await runners[0].run.conclude(ending(FINISHED, 90))
    assert store.job("job").status == "RUNNING"
    await asyncio.gather(*(runner.run.conclude(ending(FINISHED)) for runner in runners[1:]))
    assert (store.job("job").status, store.job("job").end) == ("FINISHED", round((BEGIN + 90) * 1000))


async def test_a_job_has_failed_with_one_of_its_sites_and_runs_again_with_its_next_attempt(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    store = mlflow_on_sqlite.store
    one, other = [await owners.runner(mlflow_on_sqlite.url, key) for key in SITES[:2]]
    for runner in (one, other):
        await runner.deliver(*deliveries(start()))
    await one.run.conclude(ending(FAILED))
    await other.run.conclude(ending(FINISHED))
    assert store.job("job").status == "FAILED"
    await one.run.conclude(ending(RUNNING, 100, attempt=2))
    assert store.job("job").status == "RUNNING"
    await one.run.conclude(ending(FINISHED, 120, attempt=2))
    assert (store.job("job").status, store.job("job").end) == ("FINISHED", round((BEGIN + 120) * 1000))


async def test_a_run_with_a_parent_is_nested_in_that_and_not_in_a_job(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    child = await owners.runner(mlflow_on_sqlite.url, RunKey(KEY.site, "job-2"))
    await child.deliver(*deliveries(start(parent="job", name="tuning", notes="# Why")))
    outer = await owners.runner(mlflow_on_sqlite.url)  # comes later, and is made already
    await outer.deliver(*deliveries(start()))
    store = mlflow_on_sqlite.store
    nested, run = store.run(KEY.site, "job-2"), store.run(KEY.site, "job")
    assert (nested.parent, nested.name, nested.tags["mlflow.note.content"]) == (run.id, "tuning", "# Why")
    assert run.parent == store.job("job").id
    assert len(store.runs()) == 3
    await child.run.conclude(ending(FINISHED))
    assert store.run(KEY.site, "job").status == "RUNNING"


async def test_a_run_whose_beginning_was_lost_is_nested_at_its_end(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(*deliveries(record(Kind.SCALAR, "loss", 1.0)))
    await runner.run.conclude(ending(FINISHED))
    store = mlflow_on_sqlite.store
    assert store.run(KEY.site, "job").parent == store.job("job").id
    assert store.job("job").status == "FINISHED"


async def test_sites_of_one_job_may_log_to_several_experiments(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    store, runners = mlflow_on_sqlite.store, []
    for number, key in enumerate(SITES[:3]):
        sink = await owners.sink(mlflow_on_sqlite.url)
        runners.append(Runner(sink, key))
        runners[-1].run = await sink.open_run(key, f"experiment-{number}", {})
    for runner in runners:
        await runner.deliver(*deliveries(start()))
    for runner, state in zip(runners, (FAILED, FINISHED, FINISHED), strict=True):
        await runner.run.conclude(ending(state))
    assert (store.job("job").status, len(store.runs())) == ("FAILED", 4)


@pytest.mark.parametrize("how", ["in the bin", "gone"])
async def test_sites_go_on_without_the_run_of_their_job(
    mlflow_on_sqlite: MlflowServer, owners: Owners, how: str
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(*deliveries(start()))
    store = mlflow_on_sqlite.store
    job = store.job("job").id
    if how == "gone":
        store.forget(job)
    else:
        place = runner.sink._place  # type: ignore[attr-defined]  # of this sink
        await asyncio.to_thread(place.tracker.delete, job)
    await runner.deliver(*deliveries(record(Kind.TAG, "a", "b"), first=1))
    await runner.run.conclude(ending(FINISHED))
    assert store.run(KEY.site, "job").status == "FINISHED"
