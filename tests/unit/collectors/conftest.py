"""A run in a spool of its own, ended with the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitewire.collectors import Run


@pytest.fixture(autouse=True)
def _quiet_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sidecar announced, nobody says at the end of the tests what waits in their spools."""
    monkeypatch.setenv("SITEWIRE_PUBLISH", "none")


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def run(spool: Path) -> Iterator[Run]:
    run = Run("job", site="clinic", experiment="exp", spool=spool)
    yield run
    run.finish()
