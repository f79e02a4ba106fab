"""Owners of a place of MLflow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from support.mlflow.owners import Owners


@pytest.fixture
async def owners(tmp_path: Path) -> AsyncIterator[Owners]:
    """Opens sinks and runs for this test."""
    async with AsyncExitStack() as stack:
        yield Owners(tmp_path, stack)
