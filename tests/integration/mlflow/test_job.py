"""The sites of a job are nested in one run, which stands as they do; a site that is alone needs none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.record import Kind
from sitewire.schemas.subject import RunKey
from sitewire.workers import point
from sitewire.workers.point import Point
from sitewire.workers.sinks.mlflow.nesting import Nesting
from sitewire.workers.sinks.mlflow.request import Request
from sitewire.workers.sinks.mlflow.tracked import saying
from sitewire.workers.sinks.testing.claims import FileClaims
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


async def test_a_site_that_is_alone_is_one_row(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(*deliveries(start()))
    await runner.reopen()
    await runner.run.conclude(ending(FINISHED))
    (run,) = mlflow_on_sqlite.store.runs()
    assert (run.site, run.parent, run.status) == (KEY.site, None, "FINISHED")


async def test_a_site_that_has_ended_alone_is_nested_when_a_second_one_comes(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    store = mlflow_on_sqlite.store
    first, second = [await owners.runner(mlflow_on_sqlite.url, key) for key in SITES[:2]]
    await first.deliver(*deliveries(start()))
    await first.run.conclude(ending(FAILED, 70))
    await second.deliver(*deliveries(start()))
    assert {run.parent for run in store.runs() if run.site} == {store.job("job").id}
    assert store.job("job").status == "RUNNING"
    await second.run.conclude(ending(FINISHED))
    assert (store.job("job").status, store.job("job").end) == ("FAILED", round((BEGIN + 70) * 1000))


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_job_begins_with_the_earliest_of_the_sites_that_are_known(
    mlflow_on_sqlite: MlflowServer, owners: Owners, earlier: int
) -> None:
    for number, key in enumerate(SITES[:2]):
        runner = await owners.runner(mlflow_on_sqlite.url, key)
        await runner.deliver(*deliveries(start()._replace(time=BEGIN + (0 if number == earlier else 9))))
    assert mlflow_on_sqlite.store.job("job").start == round(BEGIN * 1000)


async def test_eight_sites_that_begin_at_once_are_in_one_run(mlflow_on_sqlite: MlflowServer, owners: Owners) -> None:
    keys = [RunKey(f"site-{n}", "job") for n in range(8)]
    runners = [await owners.runner(mlflow_on_sqlite.url, key, timeout_seconds=30 - n) for n, key in enumerate(keys)]
    await asyncio.gather(*(runner.deliver(*deliveries(start())) for runner in runners))
    store = mlflow_on_sqlite.store
    assert {run.parent for run in store.runs() if run.site} == {store.job("job").id}
    assert len(store.runs()) == 9
    await asyncio.gather(*(runner.run.conclude(ending(FINISHED)) for runner in runners))
    assert store.job("job").status == "FINISHED"


@pytest.mark.parametrize("heals", [1, 2], ids=["the same", "a third"])
@pytest.mark.parametrize("when", ["the run is made", "it is claimed", "the first is nested"])
async def test_a_site_that_dies_while_it_makes_the_run_of_its_job_leaves_one_that_holds_all(
    mlflow_on_sqlite: MlflowServer, owners: Owners, monkeypatch: pytest.MonkeyPatch, when: str, heals: int
) -> None:
    store = mlflow_on_sqlite.store
    await (await owners.runner(mlflow_on_sqlite.url, SITES[0])).deliver(*deliveries(start()))
    second = await owners.runner(mlflow_on_sqlite.url, SITES[1])
    await second.deliver(*deliveries(record(Kind.SCALAR, "loss", 1.0)))  # so that its own run is there
    with monkeypatch.context() as patched:
        _die(patched, when)
        with pytest.raises(Died):
            await second.deliver(*deliveries(start()))
    assert len(store.runs()) == 3
    if heals == 2:
        await (await owners.runner(mlflow_on_sqlite.url, SITES[2])).deliver(*deliveries(start()))
        assert store.run(SITES[0].site, "job").parent == store.job("job").id
    await second.reopen()  # whoever takes over begins with that
    assert {run.parent for run in store.runs() if run.site} == {store.job("job").id}
    assert len(store.runs()) == 2 + heals


async def test_a_run_that_was_left_says_who_is_first_now(
    mlflow_on_sqlite: MlflowServer, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = mlflow_on_sqlite.store
    first, second = [await owners.runner(mlflow_on_sqlite.url, key) for key in SITES[:2]]
    await first.deliver(*deliveries(start()))
    with monkeypatch.context() as patched:
        patched.setattr(point, "_handlers", [_second_time()])
        with pytest.raises(Died):
            await second.deliver(*deliveries(start()))
    store.forget(store.run(SITES[0].site, "job").id)
    for key in SITES[2:]:
        await (await owners.runner(mlflow_on_sqlite.url, key)).deliver(*deliveries(start()))
    assert store.job("job").tags["sitewire.first"] == store.run(SITES[2].site, "job").id
    assert {store.run(key.site, "job").parent for key in SITES[2:]} == {store.job("job").id}


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


async def test_a_run_whose_beginning_was_lost_is_nested_at_its_end(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    one, other = [await owners.runner(mlflow_on_sqlite.url, key) for key in SITES[:2]]
    await one.deliver(*deliveries(record(Kind.SCALAR, "loss", 1.0)))
    await one.run.conclude(ending(FINISHED))
    await other.deliver(*deliveries(record(Kind.SCALAR, "loss", 1.0)))
    await other.run.conclude(ending(FINISHED))
    store = mlflow_on_sqlite.store
    assert {store.run(key.site, "job").parent for key in SITES[:2]} == {store.job("job").id}
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
    runner, other = [await owners.runner(mlflow_on_sqlite.url, key) for key in (KEY, SITES[0])]
    for each in (runner, other):
        await each.deliver(*deliveries(start()))
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


class Died(Exception):
    """Stands for a kill."""


def _second_time() -> Callable[[Point], None]:
    """Die when a run is made for the second time: first the site's, then the job's."""
    made: list[Point] = []

    def die(at: Point) -> None:
        if at is Point.RUN_CREATED:
            made.append(at)
            if len(made) == 2:
                raise Died

    return die


def _die(patched: pytest.MonkeyPatch, when: str) -> None:
    def die(*_: object) -> None:
        raise Died

    async def die_soon(*_: object) -> None:
        die()

    if when == "the run is made":
        patched.setattr(FileClaims, "claim", die_soon)
    elif when == "it is claimed":
        patched.setattr(Nesting, "_settle", die_soon)
    else:
        patched.setattr("sitewire.workers.sinks.mlflow.nesting.saying", _once_and_die(saying))


def _once_and_die(function: Callable[[str, str], Request]) -> Callable[[str, str], Request]:
    calls: list[str] = []

    def call(tag: str, value: str) -> Request:
        calls.append(tag)
        if len(calls) > 1:
            raise Died
        return function(tag, value)

    return call
