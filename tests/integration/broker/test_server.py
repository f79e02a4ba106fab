from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sitewire.broker_config.model import Embedded
from sitewire.broker_config.server import server_config
from support.nats import BINARY

pytestmark = pytest.mark.nats


@pytest.mark.parametrize(
    "folder", ["plain", "with space", 'quo"te', "back\\slash", "$HOME", "ümlaut", "brace}", "#hash", "tab\there", "a'b"]
)
def test_nats_server_accepts_the_configuration_whatever_the_folder_is_called(tmp_path: Path, folder: str) -> None:
    store = tmp_path / folder
    store.mkdir()
    file = tmp_path / "nats-server.conf"
    file.write_text(server_config(Embedded(store=store)), encoding="utf-8")
    done = subprocess.run([BINARY, "-t", "-c", file], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "is valid" in done.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1", "::", "localhost"])  # noqa: S104  text alone
def test_hosts(tmp_path: Path, host: str) -> None:
    embedded = Embedded(store=tmp_path, host=host, port=4333)
    file = tmp_path / "nats-server.conf"
    file.write_text(server_config(embedded), encoding="utf-8")
    assert subprocess.run([BINARY, "-t", "-c", file], check=False, capture_output=True).returncode == 0
    assert embedded.url in ("nats://127.0.0.1:4333", "nats://[::1]:4333", "nats://localhost:4333")
