"""A partition that parks after a moment, and the bucket in which it says so."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from sitewire.broker_config.bucket import Bucket
from sitewire.broker_config.names import PARKED_BUCKET
from support.parking import make_impatient


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    make_impatient(monkeypatch)


@pytest.fixture
def bucket(client: Client) -> Bucket:
    return Bucket(client, PARKED_BUCKET)
