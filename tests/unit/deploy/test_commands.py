"""What commands say when there is nothing to do, or nobody to do it with."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sitewire.deploy.cli.main import main


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
    return port


def test_to_sync_a_spool_without_writers_needs_no_broker(
    tmp_path: Path, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(tmp_path), "--url", f"nats://127.0.0.1:{closed_port}"]) == 0
    assert capsys.readouterr().err == f"nothing waits in {tmp_path}: it holds no writer's records\n"


@pytest.mark.parametrize("command", [["runs"], ["status"], ["tail"], ["broker", "apply"]])
def test_without_a_broker_a_command_says_how_to_start_one(
    command: list[str], tmp_path: Path, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sitewire.yaml"
    file.write_text(
        f"broker: {{embedded: {{port: {closed_port}}}}}\n"
        'routes: {curves: {subjects: ["metrics.>"], sink: {type: jsonl, dir: out}}}\n'
    )
    assert main([*command, "-c", str(file)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"sitewire: nats://127.0.0.1:{closed_port} is not reachable: ")
    assert said.endswith("is the broker running? `sitewire up` and `sitewire broker` start an embedded one\n")
