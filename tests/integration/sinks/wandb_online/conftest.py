"""One stand-in and one sink for the tests of a module: each has runs of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from sitewire.workers.sinks.contract import Sink
from sitewire.workers.sinks.testing.runner import opened
from sitewire.workers.sinks.wandb import upload
from support.wandb.online import make_online_sink
from support.wandb.standin import StandIn


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A stand-in that is up."""
    with StandIn() as standin:
        yield standin


@pytest.fixture(autouse=True)
def _no_faults(standin: StandIn) -> Iterator[None]:
    yield
    standin.faults.clear()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sink's directory."""
    return tmp_path_factory.mktemp("online")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sink(standin: StandIn, place: Path) -> AsyncIterator[Sink]:
    """An open sink; its two clients start once a module."""
    async with opened(make_online_sink(standin, place)) as sink:
        yield sink


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent upload is doubted after one second, and given up after two."""
    monkeypatch.setattr(upload, "DOUBT", 1.0)
    monkeypatch.setattr(upload, "STALLED", 2.0)
