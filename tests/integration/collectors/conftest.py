"""The environment of a trainer that is a program of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.trainer import Ended, run_trainer

Train = Callable[..., Ended]


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def train(spool: Path) -> Train:
    """A function that runs a program as a trainer: ``train(program, timeout=10, SITEWIRE_URL=...)``."""

    def start(program: str, timeout: float = 30, **variables: str) -> Ended:
        told = {"SITEWIRE_SPOOL": str(spool), "SITEWIRE_SITE": "clinic", "SITEWIRE_RUN": "job"}
        return run_trainer(program, timeout, **(told | variables))

    return start
