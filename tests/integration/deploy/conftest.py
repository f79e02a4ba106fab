"""A config file whose broker runs, and a log that ends with the test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.config import write_config
from support.nats import NatsServer


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """What a command sets up logs to this test's standard error, which is closed for the next."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers


@pytest.fixture
def file(nats_server: NatsServer, tmp_path: Path) -> Path:
    """A file with one route, ``hq``, to a sink of type ``null``."""
    return write_config(
        tmp_path,
        f"""
        broker: {{url: "{nats_server.url}"}}
        collect: {{spool: spool}}
        routes: {{hq: {{subjects: ["metrics.>"], sink: {{type: "null"}}}}}}
        """,
    )
