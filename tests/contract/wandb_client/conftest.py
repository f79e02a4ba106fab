"""One stand-in for the tests of the client; each has a run of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.wandb.standin import StandIn


@pytest.fixture(scope="module")
def standin() -> Iterator[StandIn]:
    """A stand-in that is up."""
    with StandIn() as standin:
        yield standin
