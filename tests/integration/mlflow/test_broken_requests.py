"""The server fails or is killed between two steps of a request: afterwards everything is there, once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

import pytest

from sitewire.schemas.record import Kind, Record
from sitewire.workers.errors import PlaceDown
from sitewire.workers.sinks.testing.runner import Runner, remaining
from support.mlflow.contents import Entry, expected_contents, stored_contents
from support.mlflow.owners import KEY, Owners, deliveries, record, start
from support.mlflow.server import MlflowServer
from support.mlflow.trap import STEPS


@pytest.mark.parametrize("server", ["sqlite", "postgres"])
async def test_a_server_that_fails_after_any_step_of_a_request_holds_all_of_it_once_afterwards(
    request: pytest.FixtureRequest, server: str, owners: Owners
) -> None:
    there: MlflowServer = request.getfixturevalue(f"mlflow_on_{server}")
    runner = await owners.runner(there.url)
    for step in ("run", *STEPS):
        there.trap.fail_after(step)
        await _breaks(runner)
        assert not there.trap.armed
        await runner.reopen()
    await _finish(runner, there)


async def test_a_server_that_is_killed_between_metrics_and_tags_holds_all_of_it_once_afterwards(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    mlflow_on_sqlite.trap.kill_after("metrics")
    await _breaks(runner)
    assert not mlflow_on_sqlite.trap.armed
    with pytest.raises(PlaceDown, match="cannot be reached"):
        await runner.reopen()
    await asyncio.to_thread(mlflow_on_sqlite.restart)
    await runner.reopen()
    await _finish(runner, mlflow_on_sqlite)


def records() -> list[Record]:
    """Return a batch of several requests, with everything in it."""
    scalars = [
        record(Kind.SCALAR, f"m{n % 7}", math.nan if n % 50 == 0 else n / 3, at=n / 100, step=n) for n in range(400)
    ]
    params = [record(Kind.PARAM, f"p{n}", n) for n in range(120)]
    return [start(), *params, record(Kind.TAG, "a", "b"), record(Kind.SUMMARY, "best", 0.5), *scalars]


async def _breaks(runner: Runner) -> None:
    with pytest.raises(PlaceDown):
        await runner.deliver(*remaining(deliveries(*records()), runner.run.positions))


async def _finish(runner: Runner, server: MlflowServer) -> None:
    await runner.finish(*remaining(deliveries(*records()), runner.run.positions))
    assert sum(at.delivered for at in runner.known.values()) == len(records())
    assert _sorted(stored_contents(server.store.run(KEY.site, KEY.run))) == _sorted(expected_contents(records()))


def _sorted(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=repr)
