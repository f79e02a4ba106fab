"""An MLflow database with its tables, made once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sitewire.workers.sinks.mlflow import MlflowOptions, MlflowSink
from sitewire.workers.sinks.testing.runner import opened


@pytest.fixture(scope="session")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    folder = tmp_path_factory.mktemp("mlflow")

    async def make() -> None:
        async with opened(MlflowSink.from_options(MlflowOptions(tracking_uri="sqlite:///mlflow.db"), folder)):
            pass

    asyncio.run(make())
    return folder / "mlflow.db"
