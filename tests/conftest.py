"""What every test stands on: a clean environment, a watched event loop, a real broker when asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from blockbuster import BlockBuster

from support.mlflow.postgres import postgres
from support.mlflow.server import MlflowServer, mlflow_server
from support.nats import MakeServer, NatsServer

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True, scope="session")
def _interruptible() -> None:
    """A shell starts what it puts into the background with SIGINT ignored; processes of tests would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No SITEWIRE_* variable of the developer reaches a test, and none writes to a real home."""
    for name in [name for name in os.environ if name.startswith("SITEWIRE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True, scope="session")
def _no_blocked_loop() -> Iterator[None]:
    """A call that blocks an event loop, made from our own code, fails the test."""
    watch = _watch_our_code()
    watch.activate()
    yield
    watch.deactivate()


@pytest.fixture
def make_nats_server(tmp_path: Path) -> Iterator[MakeServer]:
    """A function that starts a server: ``make_nats_server(name="hub", more="authorization {...}")``."""
    servers: list[NatsServer] = []

    def make(name: str = "nats", more: str = "") -> NatsServer:
        server = NatsServer(tmp_path / name, more)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.kill()


@pytest.fixture
def nats_server(make_nats_server: MakeServer) -> NatsServer:
    """A running nats-server with JetStream on disk, for this test alone."""
    return make_nats_server()


@pytest.fixture(scope="session")
def _mlflow_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), trapped=True) as server:
        yield server


@pytest.fixture
def mlflow_on_sqlite(_mlflow_on_sqlite: MlflowServer) -> MlflowServer:
    """A running MLflow server without any run; all tests share it. Who kills it starts one of its own."""
    _mlflow_on_sqlite.store.clear()
    return _mlflow_on_sqlite


@pytest.fixture(scope="session")
def _mlflow_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with postgres() as database, mlflow_server(tmp_path_factory.mktemp("mlflow"), database, trapped=True) as server:
        yield server


@pytest.fixture
def mlflow_on_postgres(_mlflow_on_postgres: MlflowServer) -> MlflowServer:
    """The same on PostgreSQL."""
    _mlflow_on_postgres.store.clear()
    return _mlflow_on_postgres


def _watch_our_code() -> BlockBuster:
    watch = BlockBuster(scanned_modules=[_stand_in(root) for root in sorted(ROOT.glob("*/sitewire"))])
    # nats-py asks for credentials on the loop, once a connection: a file of a few hundred bytes.
    for function in ("io.BufferedReader.read", "os.read", "io.TextIOWrapper.read", "os.stat"):
        if function in watch.functions:
            watch.functions[function].can_block_in("credentials.py", {"<lambda>", "_jwt_reader", "_signer"})
    # The publisher's own loop does by itself what others hand to an executor: nobody else is on it.
    for watched in watch.functions.values():
        watched.can_block_in("publisher/loop.py", {"run_in_executor"})
    return watch


def _stand_in(root: Path) -> ModuleType:
    # BlockBuster asks a module for its path, and looks at a namespace's first portion only.
    module = ModuleType("sitewire")
    module.__path__ = [str(root)]
    return module
