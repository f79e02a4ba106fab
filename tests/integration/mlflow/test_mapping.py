"""What MLflow refuses, cuts or cannot tell apart is mapped and visible, and costs no other record."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sitewire.schemas.record import Kind
from sitewire.workers.errors import Temporary
from sitewire.workers.sinks.contract import Delivery
from sitewire.workers.sinks.mlflow.names import file_path, written_name
from sitewire.workers.sinks.testing.runner import Runner, remaining
from support.mlflow.owners import KEY, Owners, deliveries, record, start
from support.mlflow.reader import StoredPoint, StoredRun
from support.mlflow.server import MlflowServer

SECOND = 1_700_000_000_250


@pytest.fixture(params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest) -> MlflowServer:
    found: MlflowServer = request.getfixturevalue(f"mlflow_on_{request.param}")
    return found


def run_of(server: MlflowServer) -> StoredRun:
    return server.store.run(KEY.site, KEY.run)


async def test_whatever_a_batch_holds_its_other_records_arrive(server: MlflowServer, owners: Owners) -> None:
    whole, odd, long = "7" * 7000, "rate@site%", "n" * 251
    runner = await owners.runner(server.url)
    await runner.deliver(
        *deliveries(
            start(),
            record(Kind.PARAM, "lr", 0.1),
            record(Kind.PARAM, "lr", 0.2),
            record(Kind.PARAM, "whole", whole),
            record(Kind.PARAM, odd, True),
            record(Kind.TAG, "note", "x" * 9000),
            record(Kind.TAG, "sitewire.at.mine", "no position of ours"),
            record(Kind.SUMMARY, "best", 0.9),
            record(Kind.SUMMARY, "verdict", "good"),
            record(Kind.TEXT, "report.md", "# All"),
            record(Kind.TEXT, "said", "hello", step=7),
            record(Kind.SCALAR, odd, 1.0, step=5),
            record(Kind.SCALAR, long, 2.0, step=-3),
            record(Kind.SCALAR, "loss", 3.0, at=1, step=9),
            record(Kind.SCALAR, "loss", 2.0, at=2, step=4),
        )
    )
    run = run_of(server)
    assert run.params == {"lr": "0.1", "whole": whole[:6000], written_name(odd): "True"}
    assert run.tags["sitewire.param.lr"] == "0.2"
    assert (run.tags["note"], run.texts[file_path("sitewire/tags/note")]) == ("x" * 8000, "x" * 9000)
    assert run.texts["sitewire/params/whole.txt"] == whole
    assert run.tags[f"sitewire.name.{written_name(odd)}"] == odd
    assert run.tags[f"sitewire.name.{written_name(long)}"] == long
    assert "no position of ours" in run.tags.values()
    assert (run.tags["summary.best"], run.tags["summary.verdict"]) == ("0.9", "good")
    assert (run.texts["report.md"], run.texts["said/7.txt"]) == ("# All", "hello")
    assert run.metrics == {
        written_name(odd): [StoredPoint(SECOND, 5, 1.0)],
        written_name(long): [StoredPoint(SECOND, -3, 2.0)],
        "loss": [StoredPoint(SECOND + 1000, 9, 3.0), StoredPoint(SECOND + 2000, 4, 2.0)],
        "summary/best": [StoredPoint(SECOND, 0, 0.9)],
    }
    await runner.reopen()
    assert sum(at.delivered for at in runner.run.positions.values()) == 15


@pytest.mark.parametrize("tag", ["mlflow.runName", "wandb.name"])
async def test_a_run_is_renamed_by_a_tag_however_long_it_is(server: MlflowServer, owners: Owners, tag: str) -> None:
    runner = await owners.runner(server.url)
    await runner.deliver(*deliveries(start(name="first", notes="none yet")))
    await runner.deliver(*deliveries(record(Kind.TAG, tag, "x" * 300), record(Kind.TAG, "wandb.notes", "why"), first=1))
    run = run_of(server)
    assert (run.name, run.tags["mlflow.runName"], run.tags["mlflow.note.content"]) == ("x" * 250, "x" * 250, "why")
    assert run.texts["sitewire/tags/mlflow.runName.txt"] == "x" * 300


async def test_a_run_may_begin_with_any_name(server: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(server.url)
    await runner.deliver(*deliveries(start(name="é" * 300)))
    assert run_of(server).name == "é" * 250


async def test_equal_points_of_one_millisecond_are_one_and_counted(server: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(server.url)
    same = [record(Kind.SCALAR, "loss", float("nan"), at=n / 100_000, step=1) for n in range(5)]
    await runner.deliver(*deliveries(*same))
    await runner.deliver(*deliveries(*same, first=5))
    run = run_of(server)
    assert [len(points) for points in run.metrics.values()] == [1]
    assert run.tags["sitewire.collapsed"] == "9"


async def test_a_param_keeps_its_first_value_for_every_owner(server: MlflowServer, owners: Owners) -> None:
    await (await owners.runner(server.url)).finish(*deliveries(record(Kind.PARAM, "lr", 1)))
    later = await owners.runner(server.url)
    await later.deliver(*deliveries(record(Kind.PARAM, "lr", 2), first=1))
    await later.deliver(*deliveries(record(Kind.PARAM, "lr", 1), first=2))
    run = run_of(server)
    assert (run.params, run.tags["sitewire.param.lr"]) == ({"lr": "1"}, "1")


async def test_two_writers_that_log_the_same_new_params_at_once_both_go_on(
    server: MlflowServer, owners: Owners
) -> None:
    runners = [await owners.runner(server.url, timeout_seconds=20 + n) for n in range(4)]
    await runners[0].deliver(*deliveries(start()))
    for runner in runners:
        await runner.reopen()
    for turn in range(5):
        params = [record(Kind.PARAM, f"p{turn}-{n}", n) for n in range(30)]
        await asyncio.gather(*(_insist(runner, deliveries(*params, writer=2 + turn)) for runner in runners))
    run = run_of(server)
    assert len(run.params) == 150
    assert not any(tag.startswith("sitewire.param.") for tag in run.tags)


async def test_two_writers_that_log_different_values_both_go_on(server: MlflowServer, owners: Owners) -> None:
    runners = [await owners.runner(server.url, timeout_seconds=20 + n) for n in range(2)]
    await runners[0].deliver(*deliveries(start()))
    for runner in runners:
        await runner.reopen()
    await asyncio.gather(
        *(_insist(one, deliveries(record(Kind.PARAM, "lr", n), writer=2 + n)) for n, one in enumerate(runners))
    )
    run = run_of(server)
    assert {run.params["lr"], run.tags["sitewire.param.lr"]} == {"0", "1"}


async def test_an_artifact_whose_path_is_taken_by_a_folder_gets_another(server: MlflowServer, owners: Owners) -> None:
    runner = await owners.runner(server.url)
    await runner.deliver(
        *deliveries(
            record(Kind.TEXT, "a.md", "file"),
            record(Kind.TEXT, "a.md", "below it", step=1),
            record(Kind.TEXT, "b.md", "below", step=1),
            record(Kind.TEXT, "b.md", "a folder"),
        )
    )
    texts = run_of(server).texts
    assert texts["a.md"] == "file"
    assert texts["b.md/1.txt"] == "below"
    assert sorted(texts.values()) == ["a folder", "below", "below it", "file"]


async def test_a_record_of_four_thousand_params_takes_as_many_requests_as_it_needs(
    server: MlflowServer, owners: Owners
) -> None:
    params = {f"p{n}": n for n in range(450)}
    runner = await owners.runner(server.url)
    await runner.deliver(
        *deliveries(record(Kind.TAG, "a", "b"), record(Kind.HPARAMS, "h", {"params": params, "metrics": ()}))
    )
    assert run_of(server).params == {name: str(value) for name, value in params.items()}


async def _insist(runner: Runner, batch: Sequence[Delivery]) -> None:
    for _ in range(20):
        try:
            await runner.deliver(*remaining(batch, runner.run.positions))
        except Temporary:
            await runner.reopen()
        else:
            return
    raise AssertionError
