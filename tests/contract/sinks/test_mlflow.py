"""The MLflow sink against the contract of sinks, read back from MLflow's tables: SQLite in process, and servers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sitewire.schemas.ending import Ending
from sitewire.schemas.record import Record
from sitewire.schemas.subject import RunKey
from sitewire.workers.sinks.mlflow import MlflowSink
from sitewire.workers.sinks.mlflow.ending import STATUS
from sitewire.workers.sinks.testing import SinkContract
from sitewire.workers.sinks.testing.forms import FormTests
from sitewire.workers.sinks.testing.hooks import Entry, SinkHooks
from support.mlflow.contents import expected_contents, stored_contents
from support.mlflow.reader import Store
from support.mlflow.server import MlflowServer

FILE = "mlflow.db"


class MlflowHooks(SinkHooks):
    """What all of them have in common."""

    sink_type = MlflowSink
    locks = False
    ends = True
    kills: ClassVar[int] = 3  # importing MLflow takes a child seconds

    def store(self, place: Path) -> Store:
        raise NotImplementedError

    def read_back(self, place: Path, key: RunKey) -> Iterable[Entry]:
        return stored_contents(self.store(place).run(key.site, key.run))

    def expected(self, records: Sequence[Record]) -> Iterable[Entry]:
        return expected_contents(records)

    def read_ending(self, place: Path, key: RunKey) -> Ending:
        run = self.store(place).run(key.site, key.run)
        ending = Ending(**json.loads(run.tags["sitewire.ending"]))
        assert run.status == STATUS[ending.state]
        assert ending.state == "running" or run.end == round(ending.time * 1000)
        return ending


class TestMlflowInProcess(MlflowHooks, SinkContract):
    @pytest.fixture
    def place(self, tmp_path: Path, made_database: Path) -> Path:
        """A folder with a database in which MLflow's tables are made already, which takes seconds."""
        place = tmp_path / "place"
        place.mkdir()
        shutil.copy(made_database, place / FILE)
        return place

    def options(self, place: Path) -> Mapping[str, Any]:
        return {"tracking_uri": f"sqlite:///{FILE}", "flush_seconds": 0}

    def store(self, place: Path) -> Store:
        return Store(f"sqlite:///{place / FILE}", place)


class ServerHooks(MlflowHooks):
    server: MlflowServer

    def options(self, place: Path) -> Mapping[str, Any]:
        url = self.server.url if place.name == "place" else "http://elsewhere:5000"
        return {"tracking_uri": url, "flush_seconds": 0}

    def store(self, place: Path) -> Store:
        return self.server.store


class TestMlflowServerOnSqlite(ServerHooks, FormTests):
    @pytest.fixture(autouse=True)
    def _server(self, mlflow_on_sqlite: MlflowServer) -> None:
        self.server = mlflow_on_sqlite


class TestMlflowServerOnPostgres(ServerHooks, FormTests):
    @pytest.fixture(autouse=True)
    def _server(self, mlflow_on_postgres: MlflowServer) -> None:
        self.server = mlflow_on_postgres
