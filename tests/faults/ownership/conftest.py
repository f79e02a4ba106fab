"""A folder with a config file, in which commands run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.product import Site, site_in


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site_in(tmp_path / "here") as site:
        yield site
