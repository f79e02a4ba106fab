"""A tracker that cannot store artifacts, and goes on with everything else."""

from __future__ import annotations

import pytest

from sitewire.schemas.record import Kind
from sitewire.workers.errors import PlaceDown, Temporary
from support.mlflow.owners import KEY, Owners, deliveries, record, start
from support.mlflow.server import MlflowServer


async def test_artifacts_that_cannot_be_stored_are_the_trouble_of_their_run_and_not_of_the_place(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url)
    await runner.deliver(*deliveries(start()))
    folder = mlflow_on_sqlite.store.run(KEY.site, KEY.run).artifact_folder.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where the run's folder belongs")
    text = deliveries(record(Kind.TEXT, "report.md", "# All"))
    with pytest.raises(Temporary, match="artifacts cannot be stored") as caught:
        await runner.deliver(*text)
    assert not isinstance(caught.value, PlaceDown), "else no other run would be tried"
    folder.unlink()
    await runner.reopen()
    await runner.deliver(*text)
    assert mlflow_on_sqlite.store.run(KEY.site, KEY.run).texts == {"report.md": "# All"}


async def test_a_server_that_hangs_while_an_artifact_is_stored_is_down_for_all(
    mlflow_on_sqlite: MlflowServer, owners: Owners
) -> None:
    runner = await owners.runner(mlflow_on_sqlite.url, timeout_seconds=1)
    await runner.deliver(*deliveries(start()))
    mlflow_on_sqlite.pause()
    try:
        with pytest.raises(PlaceDown):
            await runner.deliver(*deliveries(record(Kind.TEXT, "report.md", "# All")))
    finally:
        mlflow_on_sqlite.resume()
