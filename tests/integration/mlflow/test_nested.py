"""A run with a parent is nested in that one, whichever of the two comes first."""

from __future__ import annotations

import asyncio

import pytest

from sitewire.schemas.ending import Ending, EndingState
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.mlflow.nesting import Nesting
from sitewire.workers.sinks.testing.samples import BEGIN
from support.mlflow.owners import KEY, Owners, deliveries, start
from support.mlflow.server import MlflowServer

INNER = RunKey(KEY.site, "job-2")
FINISHED = Ending(EndingState.FINISHED, 1, BEGIN + 60)


async def test_an_inner_run_that_comes_first_waits_for_the_outer_one_and_does_not_make_it(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    store = mlflow_on_sqlite.store
    inner = await owners.runner(mlflow_on_sqlite.url, INNER)
    await inner.deliver(*deliveries(start(parent="job", name="tuning", notes="# Why")._replace(time=BEGIN + 9)))
    (alone,) = store.runs()
    assert (alone.run, alone.parent) == ("job-2", None)
    outer = await owners.runner(mlflow_on_sqlite.url)
    await outer.deliver(*deliveries(start()))
    nested, run = store.run(KEY.site, "job-2"), store.run(KEY.site, "job")
    assert (nested.parent, nested.name, nested.tags["mlflow.note.content"]) == (run.id, "tuning", "# Why")
    assert (run.parent, run.start) == (None, round(BEGIN * 1000))
    assert len(store.runs()) == 2
    await inner.run.conclude(FINISHED)
    assert store.run(KEY.site, "job").status == "RUNNING"


async def test_an_inner_run_that_comes_second_is_nested_with_its_beginning(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    store = mlflow_on_sqlite.store
    await (await owners.runner(mlflow_on_sqlite.url)).deliver(*deliveries(start()))
    await (await owners.runner(mlflow_on_sqlite.url, INNER)).deliver(*deliveries(start(parent="job")))
    assert store.run(KEY.site, "job-2").parent == store.run(KEY.site, "job").id


async def test_an_inner_and_an_outer_run_that_come_at_once_find_each_other(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    inner = [RunKey(KEY.site, f"job-{n}") for n in range(2, 6)]
    starts = [(KEY, start()), *((key, start(parent="job")) for key in inner)]
    runners = [
        (await owners.runner(mlflow_on_sqlite.url, key, timeout_seconds=30 - n), begin)
        for n, (key, begin) in enumerate(starts)
    ]
    await asyncio.gather(*(runner.deliver(*deliveries(begin)) for runner, begin in runners))
    store = mlflow_on_sqlite.store
    assert {store.run(key.site, key.run).parent for key in inner} == {store.run(KEY.site, "job").id}
    assert len(store.runs()) == 5


@pytest.mark.parametrize("who", ["the inner is opened", "the inner ends", "the outer ends"])
async def test_an_outer_run_whose_owner_died_before_it_looked_is_found_later(
    mlflow_on_sqlite: MlflowServer, owners: Owners, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    class Died(Exception):
        pass

    async def die(*_: object) -> None:
        raise Died

    inner = await owners.runner(mlflow_on_sqlite.url, INNER)
    await inner.deliver(*deliveries(start(parent="job")))
    outer = await owners.runner(mlflow_on_sqlite.url)
    with monkeypatch.context() as patched:
        patched.setattr(Nesting, "adopt", die)
        with pytest.raises(Died):
            await outer.deliver(*deliveries(start()))
    store = mlflow_on_sqlite.store
    assert store.run(KEY.site, "job-2").parent is None
    if who == "the inner is opened":
        await inner.reopen()
    elif who == "the inner ends":
        await inner.run.conclude(FINISHED)
    else:
        await outer.reopen()
        await outer.run.conclude(FINISHED)
    assert store.run(KEY.site, "job-2").parent == store.run(KEY.site, "job").id
