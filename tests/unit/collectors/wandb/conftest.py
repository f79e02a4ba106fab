"""Ours in a spool of its own, and beside it the original, offline."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sitewire.collectors import process_runs, wandb


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch, spool: Path, tmp_path: Path) -> Iterator[None]:
    """No run goes on from the test before, and none of it reads a developer's settings of the original."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name, value in (("SPOOL", str(spool)), ("RUN", "job"), ("SITE", "clinic")):
        monkeypatch.setenv(f"SITEWIRE_{name}", value)
    monkeypatch.chdir(tmp_path)
    process_runs._runs.forget()
    yield
    wandb.teardown()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The installed client; offline, silent, at a home of its own."""
    place = tmp_path_factory.mktemp("original")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(place))
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        import wandb as client

        settings = client.Settings(mode="offline", root_dir=str(place), silent=True, console="off", disable_git=True)
        client.setup(settings)
        yield client
        client.teardown()


@pytest.fixture(scope="module")
def original_run(original: Any) -> Iterator[Any]:
    """A run of the original's that goes on."""
    run = original.init(project="side-by-side", reinit="create_new")
    yield run
    run.finish()
